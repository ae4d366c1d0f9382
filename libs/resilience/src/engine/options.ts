import { parseDuration } from './duration.js';
import { ANSWERS_AT_ONCE, isAsync } from './at-once.js';
import { didYouMean } from './did-you-mean.js';
import { type OptionProblem, ResilienceOptionsError } from './errors.js';
import { isMatcher, type Matcher } from './matcher.js';

interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  /** Accept only whole numbers. */
  readonly integer?: boolean;
}

/**
 * Reads one options object and collects every problem instead of stopping at the first.
 * A reader method returns the default for `undefined` and for a bad value (the problem is noted, {@link finish} throws).
 */
export class OptionsReader<T extends object> {
  private readonly problems: OptionProblem[] = [];
  private readonly source: Record<string, unknown>;

  constructor(
    options: T | undefined,
    /** Prefix of every problem's path, e.g. `OrderService.charge > @Retry`. */
    readonly path: string,
    known: readonly (keyof T & string)[],
  ) {
    if (options === undefined) {
      this.source = {};
    } else if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      this.source = {};
      this.problems.push({ path, value: options, allowed: `an options object with ${known.join(', ')}` });
    } else {
      this.source = options as Record<string, unknown>;
      this.refuseUnknown(known);
    }
  }

  /** The raw value of an option. */
  raw(name: keyof T & string): unknown {
    return this.source[name];
  }

  problem(name: string, value: unknown, allowed: string): void {
    this.problems.push({ path: name ? `${this.path} > ${name}` : this.path, value, allowed });
  }

  number<D extends number | undefined>(name: keyof T & string, fallback: D, range: NumberRange): number | D {
    const value = this.source[name];
    if (value === undefined) return fallback;
    const { min = -Infinity, max = Infinity, integer = false } = range;
    const ok =
      typeof value === 'number' &&
      Number.isFinite(value) &&
      value >= min &&
      value <= max &&
      (!integer || Number.isInteger(value));
    if (ok) return value;
    this.problem(name, value, `${integer ? 'a whole number' : 'a number'}${rangeText(min, max)}`);
    return fallback;
  }

  /** Milliseconds of a duration option. */
  duration<D extends number | undefined>(
    name: keyof T & string,
    fallback: D,
    range: { min?: number } = {},
  ): number | D {
    const value = this.source[name];
    if (value === undefined) return fallback;
    const parsed = parseDuration(value);
    const min = range.min ?? 0;
    if (parsed !== undefined && Number.isFinite(parsed) && parsed >= min) return parsed;
    this.problem(name, value, `a duration >= ${min} such as 500 (milliseconds) or '30s'`);
    return fallback;
  }

  boolean<D extends boolean | undefined>(name: keyof T & string, fallback: D): boolean | D {
    const value = this.source[name];
    if (value === undefined || typeof value === 'boolean') return value ?? fallback;
    this.problem(name, value, 'true or false');
    return fallback;
  }

  string<D extends string | undefined>(name: keyof T & string, fallback: D): string | D {
    const value = this.source[name];
    if (value === undefined) return fallback;
    if (typeof value === 'string' && value.length > 0) return value;
    this.problem(name, value, 'a string that is not empty');
    return fallback;
  }

  oneOf<V extends string>(name: keyof T & string, fallback: V, values: readonly V[]): V {
    const value = this.source[name];
    if (value === undefined) return fallback;
    if (typeof value === 'string' && (values as readonly string[]).includes(value)) return value as V;
    this.problem(name, value, oneOfText(values, value));
    return fallback;
  }

  /** A function whose answer a running call needs at once: an async one is refused. */
  function<F extends (...args: never[]) => unknown>(name: keyof T & string): F | undefined {
    const value = this.source[name];
    if (value === undefined) return undefined;
    if (typeof value === 'function' && !isAsync(value)) return value as F;
    this.problem(name, value, typeof value === 'function' ? ANSWERS_AT_ONCE : 'a function');
    return undefined;
  }

  /** Which errors, with predicates that answer at once. */
  matcher(name: keyof T & string): Matcher | undefined {
    const value = this.source[name];
    if (value === undefined) return undefined;
    if (!isMatcher(value)) {
      this.problem(name, value, 'an Error class, a predicate (error) => boolean, or an array of those');
    } else if ([value].flat().some(isAsync)) {
      this.problem(name, value, ANSWERS_AT_ONCE);
    } else return value;
    return undefined;
  }

  /** Merges the problems of a nested reader. */
  absorb(nested: OptionsReader<never>): void {
    this.problems.push(...nested.problems);
  }

  /** Throws one error with everything that was wrong. */
  finish(): void {
    if (this.problems.length > 0) throw new ResilienceOptionsError(this.problems);
  }

  private refuseUnknown(known: readonly string[]): void {
    for (const name of Object.keys(this.source)) {
      if (known.includes(name)) continue;
      this.problem(name, this.source[name], `no such option${didYouMean(name, known)}; known: ${known.join(', ')}`);
    }
  }
}

function rangeText(min: number, max: number): string {
  if (min !== -Infinity && max !== Infinity) return ` from ${min} to ${max}`;
  if (min !== -Infinity) return ` >= ${min}`;
  if (max !== Infinity) return ` <= ${max}`;
  return '';
}

/** `one of 'a', 'b' (did you mean 'a'?)`. */
export function oneOfText(values: readonly string[], got: unknown): string {
  return `one of ${values.map((v) => `'${v}'`).join(', ')}${typeof got === 'string' ? didYouMean(got, values) : ''}`;
}
