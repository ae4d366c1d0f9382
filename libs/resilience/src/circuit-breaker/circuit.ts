import type { CircuitCause, CircuitNews, PeerCircuit } from '../engine/circuit-peers.js';
import type { CircuitBreaker } from '../engine/stages.js';
import { withoutStack } from '../engine/without-stack.js';
import { CircuitOpenError } from './circuit-breaker.errors.js';
import type { CircuitBreakerEvents } from './circuit-breaker.events.js';
import {
  admitsProbe,
  admitsShare,
  CLOSED,
  type CircuitInput,
  type CircuitState,
  type CircuitStateName,
  METRICS_ONLY,
  type OpeningCause,
  recovered,
  transition,
} from './circuit-breaker.state.js';
import type { CircuitRules } from './circuit-rules.js';
import { type CircuitSnapshot, ratesOf, snapshotOf } from './circuit-snapshot.js';
import type { OutcomeWindow } from './window/window.js';

type ByHand = 'forced_open' | 'closed' | 'disabled' | 'metrics_only';

/**
 * One circuit breaker. Time is read, never waited for: no timer exists. A permit is the generation of the state that gave it;
 * a result of an older generation is dropped.
 */
export class Circuit implements CircuitBreaker, PeerCircuit {
  private current: CircuitState;
  private generation = 0;
  private notPermitted = 0;
  private window: OutcomeWindow;
  /** Of a circuit that only records: it would have opened, which was told. */
  private crossed = false;

  constructor(
    /** The declared name, which all keys of a keyed breaker have in common. */
    private readonly family: string,
    private rules: CircuitRules,
    private readonly key?: string,
  ) {
    this.window = rules.createWindow();
    this.current = rules.options.initialState === 'closed' ? CLOSED : METRICS_ONLY;
    rules.context.peers?.joined(this);
  }

  /** Put together when asked: a string per key would be a fifth of what a key takes (bench/memory). */
  get name(): string {
    return this.key === undefined ? this.family : `${this.family}[${this.key}]`;
  }

  /** Other rules from now on; state and counters stay. A window of another kind or length of time starts empty. */
  reconfigure(rules: CircuitRules): void {
    this.window = rules.windowAfter(this.window, this.rules);
    this.rules = rules;
  }

  /** Looked at now: an open circuit whose time has come reads `half_open`. */
  get state(): CircuitStateName {
    return this.look(this.rules.context.clock.now());
  }

  get isProbing(): boolean {
    this.advance(this.rules.context.clock.now());
    return this.current.kind === 'half_open' && this.current.probes.length > 0;
  }

  get standing(): CircuitNews | undefined {
    const { kind } = this.current;
    if (kind === 'open') return this.openNews(this.current);
    const byItself =
      kind === 'closed' || kind === 'half_open' || kind === 'recovering' || kind === this.rules.options.initialState;
    return byItself ? undefined : { kind };
  }

  tryAcquire(now: number): number {
    if (this.current.kind === 'closed') return this.generation;
    return this.acquireUnusual(now);
  }

  succeed(permit: number, startedAt: number, now: number, value: unknown): void {
    if (!this.isCurrent(permit, now)) return;
    const { rejects } = this.rules;
    this.report(rejects !== undefined && this.answerOf(rejects, value, permit, startedAt), startedAt, now);
  }

  fail(permit: number, startedAt: number, now: number, error: unknown): void {
    if (!this.isCurrent(permit, now)) return;
    if (this.answerOf(this.rules.records, error, permit, startedAt)) this.report(true, startedAt, now, error);
    else this.release(permit, startedAt);
  }

  release(permit: number, startedAt: number): void {
    if (this.current.kind !== 'half_open' || !this.isCurrent(permit, this.rules.context.clock.now())) return;
    this.apply({ type: 'probe_released', startedAt });
  }

  rejection(now: number): CircuitOpenError {
    const retryAfterMs = this.retryAfterMs(now);
    const { kind } = this.current;
    this.emit('resilience.circuit.rejected', () => ({ circuit: this.name, state: kind, retryAfterMs }));
    return withoutStack(() => new CircuitOpenError(this.name, kind, retryAfterMs));
  }

  snapshot(): CircuitSnapshot {
    const now = this.rules.context.clock.now();
    const state = this.look(now);
    this.window.advance(now);
    const { notPermitted, current, window, rules } = this;
    return snapshotOf({ state, notPermitted, retryAfterMs: this.retryAfterMs(now), now, current, window, rules });
  }

  /** By hand, until so much time has passed: then it is half open. */
  openFor(ms: number): void {
    this.apply({ type: 'opened_for', now: this.rules.context.clock.now(), ms });
    const { timesOpened } = this.current as Extract<CircuitState, { kind: 'open' }>;
    this.tell({ kind: 'open', forMs: ms, timesOpened }, 'by_hand');
  }

  /** As new. */
  reset(): void {
    this.set(this.rules.options.initialState, true);
    this.tell({ kind: 'reset' }, 'by_hand');
  }

  /** By hand. */
  force(state: ByHand): void {
    this.set(state);
    this.tell({ kind: state }, 'by_hand');
  }

  adopt(news: CircuitNews): void {
    if (news.kind === 'open') {
      const now = this.rules.context.clock.now();
      const { forMs, timesOpened } = news;
      this.become({ kind: 'open', openedAt: now, retryAt: now + forMs, timesOpened });
    } else if (news.kind === 'reset') this.set(this.rules.options.initialState, true);
    else if (news.kind !== 'recovered') this.set(news.kind);
    else if (this.current.kind !== 'closed' && this.current.kind !== 'recovering') {
      const timesOpened = 'timesOpened' in this.current ? this.current.timesOpened : 0;
      this.become(recovered(this.rules.context.clock.now(), timesOpened, this.rules));
    }
  }

  /** `forget` also forgets what was counted. What is so already is not reported again. */
  private set(state: ByHand, forget = false): void {
    if (forget) this.notPermitted = 0;
    if (forget || state !== 'forced_open') {
      this.window.clear();
      this.crossed = false;
    }
    // What began before the window was emptied does not belong into it.
    if (state !== 'forced_open') this.generation++;
    if (this.current.kind === state) return;
    const openedAt = this.rules.context.clock.now();
    this.enter(state === 'forced_open' ? { kind: state, openedAt } : { kind: state });
  }

  /** Of a predicate that answered with a promise nothing is learnt but that, and the permit goes back. */
  private answerOf<T>(ask: (about: T) => boolean, about: T, permit: number, startedAt: number): boolean {
    try {
      return ask(about);
    } catch (noAnswer) {
      this.release(permit, startedAt);
      throw noAnswer;
    }
  }

  private isCurrent(permit: number, now: number): boolean {
    // A probe that ends after its time has failed already, even if nobody has looked since.
    if (this.current.kind === 'half_open' || this.current.kind === 'recovering') this.advance(now);
    return permit === this.generation;
  }

  private acquireUnusual(now: number): number {
    this.advance(now, true);
    switch (this.current.kind) {
      case 'half_open':
        if (!admitsProbe(this.current, this.rules) || this.rules.context.peers?.mayProbe(this, now) === false) break;
        this.apply({ type: 'probe_admitted', now });
        return this.generation;
      case 'recovering': {
        const admits = admitsShare(this.current, now, this.rules);
        this.apply({ type: 'call_came', now });
        if (!admits) break;
        return this.generation;
      }
      case 'closed':
      case 'disabled':
      case 'metrics_only':
        return this.generation;
    }
    this.notPermitted++;
    return -1;
  }

  private report(failed: boolean, startedAt: number, now: number, error?: unknown): void {
    switch (this.current.kind) {
      case 'closed':
      case 'recovering':
        this.window.record(failed, this.rules.isSlow(now - startedAt), now);
        if (!this.rules.trips(this.window)) break;
        this.apply({ type: 'tripped', now, cause: this.causeOf(error) });
        this.rules.complain();
        break;
      case 'half_open':
        this.window.record(failed, this.rules.isSlow(now - startedAt), now);
        this.apply(
          failed
            ? { type: 'probe_failed', now, startedAt, cause: this.causeOf(error) }
            : { type: 'probe_succeeded', now, startedAt },
        );
        if (failed) this.rules.complain();
        break;
      case 'metrics_only':
        this.window.record(failed, this.rules.isSlow(now - startedAt), now);
        this.tellCrossing();
        break;
    }
  }

  private causeOf(error: unknown): OpeningCause {
    return { error, failureRate: this.window.failures / this.window.calls };
  }

  /** Once, until the window is below its thresholds again. */
  private tellCrossing(): void {
    const crosses = this.rules.trips(this.window);
    if (crosses && !this.crossed)
      this.emit('resilience.circuit.threshold-crossed', () => ratesOf(this.name, this.window));
    this.crossed = crosses;
  }

  /** An open circuit whose time has come reads `half_open`, also while its peers have to be asked first. */
  private look(now: number): CircuitStateName {
    this.advance(now);
    return this.current.kind === 'open' && now >= this.current.retryAt ? 'half_open' : this.current.kind;
  }

  /** @param called by a call: one who only looks asks no peer for a probe */
  private advance(now: number, called = false): void {
    // Twice: a hung probe's opening may itself be over by now.
    for (let before; before !== this.current;) {
      before = this.current;
      if (before.kind === 'open') {
        if (now < before.retryAt) return;
        const { peers } = this.rules.context;
        if (peers !== undefined && !(called && peers.mayProbe(this, now))) return;
      }
      if (before.kind === 'open' || before.kind === 'half_open' || before.kind === 'recovering')
        this.apply({ type: 'time_passed', now });
    }
  }

  private apply(input: CircuitInput): void {
    const next = transition(this.current, input, this.rules);
    if (next === this.current) return;
    const from = this.current.kind;
    this.become(next);
    if (from === this.current.kind || input.type === 'opened_for') return;
    if (this.current.kind === 'open')
      this.tell(this.openNews(this.current), from === 'half_open' ? 'probed' : 'tripped');
    else if (from === 'half_open') this.tell({ kind: 'recovered' }, 'probed');
  }

  private tell(news: CircuitNews, cause: CircuitCause): void {
    this.rules.context.peers?.changed(this, news, cause);
  }

  private openNews({ retryAt, timesOpened }: Extract<CircuitState, { kind: 'open' }>): CircuitNews {
    return { kind: 'open', forMs: Math.max(0, retryAt - this.rules.context.clock.now()), timesOpened };
  }

  private become(next: CircuitState): void {
    if (next.kind === this.current.kind) this.current = next;
    else this.enter(next);
  }

  private enter(next: CircuitState): void {
    const from = this.current.kind;
    this.current = next;
    this.crossed = false;
    // The end of a recovery changes nothing for calls in flight and what was counted.
    if (from !== 'recovering' || next.kind !== 'closed') {
      this.generation++;
      if (next.kind === 'closed' || next.kind === 'half_open' || next.kind === 'recovering') this.window.clear();
    }
    if (next.kind === 'open' || next.kind === 'forced_open')
      this.emit('resilience.circuit.opened', () => this.opening(from, next));
    else if (next.kind === 'half_open')
      this.emit('resilience.circuit.half-opened', () => ({ circuit: this.name, from }));
    else if (next.kind === 'recovering')
      this.emit('resilience.circuit.recovering', () => ({ circuit: this.name, from }));
    else if (next.kind === 'closed') this.emit('resilience.circuit.closed', () => ({ circuit: this.name, from }));
  }

  private opening(from: CircuitStateName, next: CircuitState): CircuitBreakerEvents['resilience.circuit.opened'] {
    // Opened by hand or by a hung probe, no result has just brought the window up to date.
    this.window.advance(this.rules.context.clock.now());
    return {
      from,
      ...ratesOf(this.name, this.window),
      timesOpened: next.kind === 'open' ? next.timesOpened : 0,
      retryAfterMs: next.kind === 'open' ? next.retryAt - next.openedAt : 0,
    };
  }

  private retryAfterMs(now: number): number {
    return this.current.kind === 'open' ? Math.max(0, this.current.retryAt - now) : 0;
  }

  private emit<K extends keyof CircuitBreakerEvents>(name: K, payload: () => CircuitBreakerEvents[K]): void {
    const { events } = this.rules.context;
    if (events.listens(name)) events.emit(name, payload());
  }
}
