import type { DeadLetterSink } from './dead-letter-sink.js';
import type { Figure } from './figure.js';
import type { Option } from './option/option.js';
import type { OutOf } from './option/options.js';
import type { PolicyContext } from './policy-context.js';

/** Where a policy can stand around a method, outermost first: the order in which `operator-lane.ts` nests them. */
export const SLOTS = [
  'deadLetter',
  'fallback',
  'cache',
  'coalesce',
  'total',
  'retry',
  'hedge',
  'circuit',
  'permit',
  'attempt',
  'chaos',
] as const;

export type Slot = (typeof SLOTS)[number];

/** A policy as a person sees it: one layer around the method. */
export interface PolicyLayerText<Resolved, Name extends string = string> {
  /** Of one slot, layers stand in the order of the list of policies. */
  readonly slot: Slot;
  readonly name: Name;
  /** The options that a person looks for first. */
  readonly shows: readonly string[];
  /** What of the options is shown; `undefined` when this layer does nothing with them. @default all */
  readonly view?: (resolved: Resolved) => object | undefined;
}

/** What a policy of one method is built from, beside its options. */
export interface PolicyBuild<Resolved, State> {
  /** `Class.method`, or the name of the policy. */
  readonly name: string;
  /** The name under which methods with one named policy share what they have in common. */
  readonly sharedName: string;
  /** Index of the parameter that takes the attempt, -1 for none. */
  readonly attemptIndex: number;
  readonly context: PolicyContext;
  /** Of the application, for all policies of this kind. */
  readonly state: State;
  /** What was in effect until now, when a running application is reconfigured. */
  readonly before: Resolved | undefined;
  /** Whether a policy of this call takes a result for a failure. */
  readonly refusesResult: ((value: unknown) => boolean) | undefined;
  /** Makes the sink of this method's dead letters; asked by that policy only. */
  readonly deadLetters: (options: Resolved, target: string) => DeadLetterSink;
  /** Told when two declarations of one name disagree (the first one wins), and what a policy cannot do. */
  readonly warn: ((message: string) => void) | undefined;
}

/** All that the rest of the house knows of one kind of policy. */
export interface PolicyDescriptor<
  O extends Option<unknown, unknown>,
  Stage,
  State,
  Name extends string,
  Words extends string | undefined = string | undefined,
> {
  /** Type, defaults, reader, schema and docs table of its options. */
  readonly options: O;
  readonly layers: readonly PolicyLayerText<NonNullable<OutOf<O>>, Name>[];
  /** What a file of workflows says of it; absent where only code can write it. */
  readonly inFiles?: Words;
  /** Whether methods with one named policy share its state, as those of an instance of resilience4j do. */
  readonly shared?: true;
  /** Made once per application. */
  readonly state: () => State;
  /** Makes it ready to run. `undefined`: these options switch it off. */
  readonly stage: (
    resolved: NonNullable<OutOf<O>>,
    build: PolicyBuild<NonNullable<OutOf<O>>, State>,
  ) => Stage | undefined;
  /** What building it would refuse, asked before anything is changed. @throws ResilienceOptionsError */
  readonly refuse?: (resolved: NonNullable<OutOf<O>>, policy: string) => void;
  readonly refusesResult?: (resolved: NonNullable<OutOf<O>>) => readonly (((value: unknown) => boolean) | undefined)[];
  /** What it counts, read when somebody asks. */
  readonly figures?: (state: State) => Figure[];
}

/** Types a descriptor by its options, so that each says only what is its own. */
export function describePolicy<
  O extends Option<unknown, unknown>,
  Stage,
  const Name extends string,
  State = undefined,
  const Words extends string | undefined = undefined,
>(
  descriptor: Omit<PolicyDescriptor<O, Stage, State, Name, Words>, 'state'> &
    (undefined extends State ? { readonly state?: undefined } : { readonly state: () => State }),
): PolicyDescriptor<O, Stage, State, Name, Words> {
  return { state: () => undefined as State, ...descriptor };
}
