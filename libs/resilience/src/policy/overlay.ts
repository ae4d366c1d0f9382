import type * as option from '../engine/option/index.js';
import { POLICIES, type Policies, type PolicyKind } from './policy.options.js';

/**
 * One policy laid over another, option by option: what `over` leaves out stays as it is in `base`. `false` takes the policy
 * away, `true` asks for it as it is. A fallback has no options to merge: the one on top is meant.
 */
export function overlay<K extends PolicyKind>(kind: K, base: Policies[K], over: Policies[K]): Policies[K] {
  if (over === undefined) return base;
  if (over === true) return base ?? over;
  if (over === false || base === undefined || base === false || kind === 'fallback') return over;
  // What is no object even in long form is wrong: its own reader says so best.
  const below = longForm(kind, base);
  const above = longForm(kind, over);
  return below === undefined || above === undefined ? over : ({ ...below, ...above } as Policies[K]);
}

/** Options with one more, unless they set it themselves. */
export function withDefault<K extends PolicyKind>(
  kind: K,
  input: Policies[K],
  option: string,
  value: unknown,
): Policies[K] {
  const given = longForm(kind, input);
  return given === undefined ? input : ({ [option]: value, ...given } as Policies[K]);
}

function longForm(kind: PolicyKind, value: unknown): object | undefined {
  if (value === true) return {};
  const { shorthand } = POLICIES[kind].options as option.Options<option.Spec, string>;
  if (typeof value !== 'object' && shorthand !== undefined) return { [shorthand]: value };
  return typeof value === 'object' && value !== null ? value : undefined;
}
