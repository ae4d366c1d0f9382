/** Where a circuit is. Times are milliseconds of the injected clock. */
export type CircuitStateName = CircuitState['kind'];

export type CircuitState =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly openedAt: number; readonly retryAt: number; readonly timesOpened: number }
  | {
      readonly kind: 'half_open';
      readonly timesOpened: number;
      readonly openedAt: number;
      /** Start times of the probes that have not ended. */
      readonly probes: readonly number[];
      readonly successes: number;
      readonly failures: number;
    }
  /** Closes step by step: admits a growing share of calls, and opens as if it were closed. */
  | {
      readonly kind: 'recovering';
      readonly since: number;
      readonly timesOpened: number;
      /** Share of a call that the calls so far have saved up; a whole one admits. */
      readonly credit: number;
    }
  /** By hand: refuses everything until told otherwise. */
  | { readonly kind: 'forced_open'; readonly openedAt: number }
  /** By hand: admits everything, records nothing. */
  | { readonly kind: 'disabled' }
  /** By hand: admits everything, records, never opens. */
  | { readonly kind: 'metrics_only' };

export const CIRCUIT_STATES = [
  ...(['closed', 'open', 'half_open', 'recovering'] as const),
  ...(['forced_open', 'disabled', 'metrics_only'] as const),
] satisfies CircuitStateName[];

export type CircuitInput =
  | { readonly type: 'tripped'; readonly now: number; readonly cause: OpeningCause }
  /** By hand. */
  | { readonly type: 'opened_for'; readonly now: number; readonly ms: number }
  | { readonly type: 'time_passed'; readonly now: number }
  | { readonly type: 'probe_admitted'; readonly now: number }
  | { readonly type: 'call_came'; readonly now: number }
  | { readonly type: 'probe_succeeded'; readonly now: number; readonly startedAt: number }
  | {
      readonly type: 'probe_failed';
      readonly now: number;
      readonly startedAt: number;
      readonly cause: OpeningCause | undefined;
    }
  | { readonly type: 'probe_released'; readonly startedAt: number };

/** What a circuit opens for. */
export interface OpeningCause {
  /** Of the call that opened it; `undefined` where its result was the failure. */
  readonly error: unknown;
  /** Of the window, 0..1. */
  readonly failureRate: number;
}

export interface TransitionRules {
  readonly successThreshold: number;
  readonly halfOpenTimeout: number;
  readonly halfOpenCalls: number;
  /** Set where `halfOpenCalls` probes are judged together. */
  readonly halfOpenFailureRate: number | undefined;
  /** Milliseconds from the first share of calls to all of them; 0 for all at once. */
  readonly rampUp: number;
  /** Milliseconds to stay open for the n-th time since closed, n from 1. `cause` is missing when a probe hung. */
  recoveryMs(timesOpened: number, cause?: OpeningCause): number;
}

export const CLOSED: CircuitState = { kind: 'closed' };
export const METRICS_ONLY: CircuitState = { kind: 'metrics_only' };

/** The whole behaviour of a circuit, without its window: a pure function. An input that a state has no use for changes nothing. */
export function transition(state: CircuitState, input: CircuitInput, rules: TransitionRules): CircuitState {
  if (input.type === 'opened_for') {
    const { now, ms } = input;
    return {
      kind: 'open',
      openedAt: now,
      retryAt: now + ms,
      timesOpened: 'timesOpened' in state ? state.timesOpened : 1,
    };
  }
  if (state.kind === 'closed') return input.type === 'tripped' ? opened(input.now, 1, rules, input.cause) : state;
  if (state.kind === 'open') {
    if (input.type !== 'time_passed' || input.now < state.retryAt) return state;
    const { timesOpened, openedAt } = state;
    return { kind: 'half_open', timesOpened, openedAt, probes: [], successes: 0, failures: 0 };
  }
  if (state.kind === 'recovering') return recovering(state, input, rules);
  return state.kind === 'half_open' ? halfOpen(state, input, rules) : state;
}

type Recovering = Extract<CircuitState, { kind: 'recovering' }>;

const FIRST_SHARE = 0.1;
/** Ten tenths are a little less than one. */
const ALMOST = 1 - 1e-9;

/** What is left to do after the probes. The first call is admitted. */
export function recovered(now: number, timesOpened: number, { rampUp }: TransitionRules): CircuitState {
  return rampUp === 0 ? CLOSED : { kind: 'recovering', since: now, timesOpened, credit: 1 - FIRST_SHARE };
}

/** Whether this call is within the share of this moment: counted, not by chance. */
export function admitsShare(state: Recovering, now: number, rules: TransitionRules): boolean {
  return creditAt(state, now, rules) >= ALMOST;
}

function creditAt({ since, credit }: Recovering, now: number, { rampUp }: TransitionRules): number {
  return credit + Math.max(FIRST_SHARE, (now - since) / rampUp);
}

function recovering(state: Recovering, input: CircuitInput, rules: TransitionRules): CircuitState {
  switch (input.type) {
    case 'tripped':
      return opened(input.now, state.timesOpened + 1, rules, input.cause);
    case 'time_passed':
      return input.now >= state.since + rules.rampUp ? CLOSED : state;
    case 'call_came': {
      const credit = creditAt(state, input.now, rules);
      return { ...state, credit: admitsShare(state, input.now, rules) ? credit - 1 : credit };
    }
    default:
      return state;
  }
}

type HalfOpen = Extract<CircuitState, { kind: 'half_open' }>;

/** Whether another probe may run: so many at once, or in all where they are judged together. */
export function admitsProbe({ probes, successes, failures }: HalfOpen, rules: TransitionRules): boolean {
  const ended = rules.halfOpenFailureRate === undefined ? 0 : successes + failures;
  return probes.length + ended < rules.halfOpenCalls;
}

function halfOpen(state: HalfOpen, input: CircuitInput, rules: TransitionRules): CircuitState {
  switch (input.type) {
    case 'probe_admitted':
      return { ...state, probes: [...state.probes, input.now] };
    case 'probe_released':
      return { ...state, probes: without(state.probes, input.startedAt) };
    case 'probe_succeeded': {
      const successes = state.successes + 1;
      return isWell(successes, rules)
        ? recovered(input.now, state.timesOpened, rules)
        : { ...state, successes, probes: without(state.probes, input.startedAt) };
    }
    case 'probe_failed':
      return failedProbe(state, input, rules);
    case 'time_passed': {
      // A probe that never ended failed at the moment it was due, however late anybody looks.
      const [oldest = Infinity] = state.probes;
      const dueAt = oldest + rules.halfOpenTimeout;
      return input.now >= dueAt ? failedProbe(state, { now: dueAt, startedAt: oldest }, rules) : state;
    }
    default:
      return state;
  }
}

/** Decided as early as it is certain: by one failure, or by as many as make the rate whatever comes of the other probes. */
function failedProbe(
  state: HalfOpen,
  {
    now,
    startedAt,
    cause,
  }: { readonly now: number; readonly startedAt: number; readonly cause?: OpeningCause | undefined },
  rules: TransitionRules,
): CircuitState {
  const failures = state.failures + 1;
  const { halfOpenFailureRate = 0, halfOpenCalls } = rules;
  if (failures / halfOpenCalls < halfOpenFailureRate)
    return { ...state, failures, probes: without(state.probes, startedAt) };
  return opened(now, state.timesOpened + 1, rules, cause);
}

function isWell(successes: number, rules: TransitionRules): boolean {
  const { halfOpenFailureRate, halfOpenCalls, successThreshold } = rules;
  if (halfOpenFailureRate === undefined) return successes >= successThreshold;
  return (halfOpenCalls - successes) / halfOpenCalls < halfOpenFailureRate;
}

function opened(now: number, timesOpened: number, rules: TransitionRules, cause?: OpeningCause): CircuitState {
  return { kind: 'open', openedAt: now, retryAt: now + rules.recoveryMs(timesOpened, cause), timesOpened };
}

function without(probes: readonly number[], startedAt: number): readonly number[] {
  const index = probes.indexOf(startedAt);
  return index < 0 ? probes : probes.toSpliced(index, 1);
}
