import { type OptionProblem, ResilienceOptionsError } from '../errors.js';

/** One option: what may be written, what comes of it, and what a file or a page says about it. */
export interface Option<In, Out, Default = unknown> {
  /** What is accepted, e.g. `a whole number >= 0`. */
  readonly allowed: string;
  /** What `typeof` says of the values that are meant for this option. */
  readonly types: readonly string[];
  /** In effect when nothing is given. */
  readonly fallback: Out;
  /** The same as a user writes it; `undefined` and Infinity for none. */
  readonly default: Default;
  /** JSON Schema of what a file can write; absent where only code can. */
  readonly schema?: JsonSchema;
  /** Must be given; what is said when it is not. */
  readonly required?: string;
  /** The option without which this one does nothing. */
  readonly needs?: string;
  /** Notes what is wrong with a value; what it answers then is of no use. */
  readonly read: (value: unknown, at: Place) => Out | undefined;
  /** For inference only. */
  readonly input?: In;
}

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Where a value was given, and everything that is wrong with it and what is beside it. */
export class Place {
  constructor(
    /** E.g. `OrderService.charge > @Retry`. */
    readonly path: string,
    readonly problems: OptionProblem[] = [],
  ) {}

  at(name: string): Place {
    return new Place(`${this.path} > ${name}`, this.problems);
  }

  item(index: number): Place {
    return new Place(`${this.path}[${index}]`, this.problems);
  }

  refuse(value: unknown, allowed: string): undefined {
    this.problems.push({ path: this.path, value, allowed });
    return undefined;
  }

  /** @throws ResilienceOptionsError with everything that was wrong */
  finish(): void {
    if (this.problems.length > 0) throw new ResilienceOptionsError(this.problems);
  }
}

/** @throws ResilienceOptionsError with every problem at once */
export function read<In, Out>(option: Option<In, Out>, input: In | undefined, path: string): Out {
  const at = new Place(path);
  const resolved = option.read(input, at);
  at.finish();
  return resolved as Out;
}

/** {@link read} for one option, to be called by its name. */
export function readerOf<In, Out>(option: Option<In, Out>): (input: In | undefined, path: string) => Out {
  return (input, path) => read(option, input, path);
}

/** With this in its place an option must be given. */
export function required<In, Out>(
  option: Option<In, Out>,
  missing: string = option.allowed,
): Option<In, NonNullable<Out>> & { readonly required: string } {
  return { ...(option as Option<In, NonNullable<Out>>), required: missing };
}

/** An option that would do nothing without another one. */
export function needs<O extends Option<unknown, unknown>>(other: string, option: O): O {
  return { ...option, needs: other };
}
