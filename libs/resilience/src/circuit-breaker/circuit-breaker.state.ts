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
    }
  /** By hand: refuses everything until told otherwise. */
  | { readonly kind: 'forced_open'; readonly openedAt: number }
  /** By hand: admits everything, records nothing. */
  | { readonly kind: 'disabled' }
  /** By hand: admits everything, records, never opens. */
  | { readonly kind: 'metrics_only' };

export const CIRCUIT_STATES = [
  ...(['closed', 'open', 'half_open'] as const),
  ...(['forced_open', 'disabled', 'metrics_only'] as const),
] satisfies CircuitStateName[];

export type CircuitInput =
  | { readonly type: 'tripped'; readonly now: number }
  | { readonly type: 'time_passed'; readonly now: number }
  | { readonly type: 'probe_admitted'; readonly now: number }
  | { readonly type: 'probe_succeeded'; readonly startedAt: number }
  | { readonly type: 'probe_failed'; readonly now: number }
  | { readonly type: 'probe_released'; readonly startedAt: number };

export interface TransitionRules {
  readonly successThreshold: number;
  readonly halfOpenTimeout: number;
  /** Milliseconds to stay open for the n-th time since closed, n from 1. */
  recoveryMs(timesOpened: number): number;
}

export const CLOSED: CircuitState = { kind: 'closed' };

/** The whole behaviour of a circuit, without its window: a pure function. An input that a state has no use for changes nothing. */
export function transition(state: CircuitState, input: CircuitInput, rules: TransitionRules): CircuitState {
  if (state.kind === 'closed') return input.type === 'tripped' ? opened(input.now, 1, rules) : state;
  if (state.kind === 'open') {
    if (input.type !== 'time_passed' || input.now < state.retryAt) return state;
    const { timesOpened, openedAt } = state;
    return { kind: 'half_open', timesOpened, openedAt, probes: [], successes: 0 };
  }
  return state.kind === 'half_open' ? halfOpen(state, input, rules) : state;
}

function halfOpen(
  state: Extract<CircuitState, { kind: 'half_open' }>,
  input: CircuitInput,
  rules: TransitionRules,
): CircuitState {
  switch (input.type) {
    case 'probe_admitted':
      return { ...state, probes: [...state.probes, input.now] };
    case 'probe_released':
      return { ...state, probes: without(state.probes, input.startedAt) };
    case 'probe_succeeded': {
      const successes = state.successes + 1;
      return successes >= rules.successThreshold
        ? CLOSED
        : { ...state, successes, probes: without(state.probes, input.startedAt) };
    }
    case 'probe_failed':
      return opened(input.now, state.timesOpened + 1, rules);
    case 'time_passed': {
      // A probe that never ended failed at the moment it was due, however late anybody looks.
      const [oldest] = state.probes;
      const dueAt = oldest === undefined ? Infinity : oldest + rules.halfOpenTimeout;
      return input.now >= dueAt ? opened(dueAt, state.timesOpened + 1, rules) : state;
    }
    default:
      return state;
  }
}

function opened(now: number, timesOpened: number, rules: TransitionRules): CircuitState {
  return { kind: 'open', openedAt: now, retryAt: now + rules.recoveryMs(timesOpened), timesOpened };
}

function without(probes: readonly number[], startedAt: number): readonly number[] {
  const index = probes.indexOf(startedAt);
  return index < 0 ? probes : probes.toSpliced(index, 1);
}
