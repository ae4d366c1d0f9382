import { didYouMean } from './did-you-mean.js';

/** `one of 'a', 'b' (did you mean 'a'?)`. */
export function oneOfText(values: readonly string[], got: unknown): string {
  return `one of ${values.map((v) => `'${v}'`).join(', ')}${typeof got === 'string' ? didYouMean(got, values) : ''}`;
}
