/**
 * What a circuit breaker does, written down from its documentation as plainly as possible: every result is kept in a list, every number
 * is counted anew when it is asked for, nothing is incremental, nothing is fast. It shares no code with what it judges.
 */
export type ModelWindow =
  | { readonly type: 'count'; readonly size: number }
  | { readonly type: 'time'; readonly durationMs: number }
  | { readonly type: 'consecutive' };

export interface ModelOptions {
  readonly window: ModelWindow;
  readonly failureThreshold: number;
  readonly failureRate: number;
  readonly minimumCalls: number;
  /** Infinity: no call is slow. */
  readonly slowMs: number;
  readonly slowCallRate: number;
  readonly recoveryMs: (timesOpened: number) => number;
  readonly halfOpenCalls: number;
  readonly halfOpenFailureRate: number | undefined;
  readonly successThreshold: number;
  readonly halfOpenTimeoutMs: number;
  /** 0: closes at once. */
  readonly rampUpMs: number;
}

export type ModelState = 'closed' | 'open' | 'half_open' | 'recovering' | 'forced_open' | 'disabled' | 'metrics_only';
export type ByHand = 'open' | 'close' | 'disable' | 'metricsOnly' | 'reset';
const BY_HAND: Readonly<Record<ByHand, ModelState>> = {
  open: 'forced_open',
  close: 'closed',
  reset: 'closed',
  disable: 'disabled',
  metricsOnly: 'metrics_only',
};
/** `none`: an ignored error, or a caller that went away. */
export type Verdict = 'good' | 'bad' | 'none';

/** A call that was admitted. Its era ends with the next change of state, or when the window is emptied by hand. */
export interface ModelCall {
  readonly era: number;
  readonly since: number;
}

interface Result {
  readonly at: number;
  readonly failed: boolean;
  readonly slow: boolean;
}

export type ModelEvents = [name: string, payload: Record<string, unknown>][];

export class CircuitModel {
  private state: ModelState = 'closed';
  private era = 0;
  private refused = 0;
  private results: Result[] = [];
  private probes: ModelCall[] = [];
  private successes = 0;
  /** Whether each of the probes that have ended failed. */
  private probeResults: boolean[] = [];
  /** Would have opened, and that was told. */
  private crossed = false;
  private timesOpened = 0;
  private openedAt: number | undefined;
  private retryAt = 0;
  private recoveringSince = 0;
  /** Shares of all calls that came while recovering, and how many of them were admitted. */
  private shares: number[] = [];
  private admitted = 0;

  constructor(
    readonly name: string,
    private readonly options: ModelOptions,
    /** Told what happens; several circuits may share it. */
    private readonly events: ModelEvents,
  ) {}

  /** @returns undefined when the call is refused */
  start(now: number): ModelCall | undefined {
    this.look(now);
    const { halfOpenCalls, halfOpenFailureRate } = this.options;
    const ended = halfOpenFailureRate === undefined ? 0 : this.probeResults.length;
    const full = this.probes.length + ended >= halfOpenCalls;
    const beyond = this.state === 'recovering' && !this.isWithinShare(now);
    if (this.state === 'open' || this.state === 'forced_open' || (this.state === 'half_open' && full) || beyond) {
      this.refused++;
      this.events.push(['rejected', { circuit: this.name, state: this.state, retryAfterMs: this.retryAfterMs(now) }]);
      return undefined;
    }
    const call = { era: this.era, since: now };
    if (this.state === 'half_open') this.probes.push(call);
    return call;
  }

  end(call: ModelCall, verdict: Verdict, now: number): void {
    // A probe that was due meanwhile has failed, whatever it says now. An open circuit learns nothing from a late result.
    if (this.state === 'half_open' || this.state === 'recovering') this.look(now);
    if (call.era !== this.era) return;
    this.probes = this.probes.filter((probe) => probe !== call);
    if (verdict === 'none' || this.state === 'disabled') return;
    const failed = verdict === 'bad';
    this.results.push({ at: now, failed, slow: now - call.since > this.options.slowMs });
    if (this.state === 'half_open') {
      if (this.options.halfOpenFailureRate !== undefined) this.judgeProbes(failed, now, now);
      else if (failed) this.open(now, now);
      else if (++this.successes >= this.options.successThreshold) this.recover(now);
    } else if ((this.state === 'closed' || this.state === 'recovering') && this.isTooBad(now)) {
      this.open(now, now);
    } else if (this.state === 'metrics_only') {
      const crosses = this.isTooBad(now);
      if (crosses && !this.crossed) this.events.push(['threshold-crossed', { circuit: this.name, ...this.rates(now) }]);
      this.crossed = crosses;
    }
  }

  /** All that count are known, or what is missing changes nothing. */
  private judgeProbes(failed: boolean, at: number, now: number): void {
    this.probeResults.push(failed);
    const { halfOpenFailureRate = 0, halfOpenCalls } = this.options;
    const failures = this.probeResults.filter((one) => one).length;
    const successes = this.probeResults.length - failures;
    if (failures / halfOpenCalls >= halfOpenFailureRate) this.open(at, now);
    else if ((halfOpenCalls - successes) / halfOpenCalls < halfOpenFailureRate) this.recover(now);
  }

  byHand(action: ByHand, now: number): void {
    const from = this.state;
    if (action === 'reset') this.refused = 0;
    const to = BY_HAND[action];
    if (to === from) {
      // Nothing to tell; but a window that was emptied takes nothing that began before.
      if (action === 'open') return;
      this.enter(to);
      this.results = [];
      return;
    }
    if (to === 'closed') return this.close();
    this.enter(to);
    this.openedAt = action === 'open' ? now : undefined;
    if (action !== 'open') this.results = [];
    else
      this.events.push(['opened', { circuit: this.name, from, ...this.rates(now), timesOpened: 0, retryAfterMs: 0 }]);
  }

  snapshot(now: number): Record<string, unknown> {
    this.look(now);
    const { calls, failures, slow } = this.count(now);
    const judged = calls >= (this.options.window.type === 'consecutive' ? 1 : this.minimum);
    return {
      state: this.state,
      failureRate: judged ? failures / calls : -1,
      slowCallRate: judged ? slow / calls : -1,
      calls,
      failures,
      notPermitted: this.refused,
      openedAt: this.openedAt,
      retryAfterMs: this.retryAfterMs(now),
    };
  }

  /** What time alone brings about. A probe that hangs failed at the moment it was due, however late anybody looks. */
  private look(now: number): void {
    for (;;) {
      const due = Math.min(...this.probes.map(({ since }) => since + this.options.halfOpenTimeoutMs));
      if (this.state === 'open' && now >= this.retryAt) {
        this.enter('half_open');
        this.results = [];
        this.events.push(['half-opened', { circuit: this.name, from: 'open' }]);
      } else if (this.state === 'half_open' && now >= due) {
        this.probes = this.probes.filter((probe) => probe !== this.oldestProbe);
        if (this.options.halfOpenFailureRate === undefined) this.open(due, now);
        else this.judgeProbes(true, due, now);
      } else if (this.state === 'recovering' && now >= this.recoveringSince + this.options.rampUpMs) {
        // What was counted, and the calls that are running, go on.
        this.events.push(['closed', { circuit: this.name, from: 'recovering' }]);
        this.state = 'closed';
        this.timesOpened = 0;
      } else return;
    }
  }

  private get oldestProbe(): ModelCall | undefined {
    return this.probes.find(({ since }) => since === Math.min(...this.probes.map((probe) => probe.since)));
  }

  private open(at: number, now: number): void {
    const from = this.state;
    this.timesOpened++;
    const retryAfterMs = this.options.recoveryMs(this.timesOpened);
    const { timesOpened } = this;
    this.enter('open');
    this.openedAt = at;
    this.retryAt = at + retryAfterMs;
    this.events.push(['opened', { circuit: this.name, from, ...this.rates(now), timesOpened, retryAfterMs }]);
  }

  /** Of calls whose shares sum up to s, the first one and s more are admitted. */
  private isWithinShare(now: number): boolean {
    this.shares.push(Math.max(0.1, (now - this.recoveringSince) / this.options.rampUpMs));
    const sum = this.shares.reduce((all, share) => all + share, 0.9);
    const admits = Math.floor(sum + 1e-6) > this.admitted;
    if (admits) this.admitted++;
    return admits;
  }

  private recover(now: number): void {
    if (this.options.rampUpMs === 0) return this.close();
    this.events.push(['recovering', { circuit: this.name, from: this.state }]);
    this.enter('recovering');
    this.results = [];
    this.openedAt = undefined;
    this.recoveringSince = now;
  }

  private close(): void {
    this.events.push(['closed', { circuit: this.name, from: this.state }]);
    this.enter('closed');
    this.results = [];
    this.openedAt = undefined;
  }

  private enter(state: ModelState): void {
    this.state = state;
    this.era++;
    this.probes = [];
    this.probeResults = [];
    this.crossed = false;
    this.successes = 0;
    this.shares = [];
    this.admitted = 0;
    if (state !== 'open' && state !== 'half_open' && state !== 'recovering') this.timesOpened = 0;
  }

  private isTooBad(now: number): boolean {
    const { window, failureThreshold, failureRate, slowCallRate } = this.options;
    const { calls, failures, slow } = this.count(now);
    if (window.type === 'consecutive') return failures >= failureThreshold;
    return calls >= this.minimum && (failures / calls >= failureRate || slow / calls >= slowCallRate);
  }

  private get minimum(): number {
    const { window, minimumCalls } = this.options;
    return window.type === 'count' ? Math.min(minimumCalls, window.size) : minimumCalls;
  }

  private rates(now: number): { readonly calls: number; readonly failureRate: number; readonly slowCallRate: number } {
    const { calls, failures, slow } = this.count(now);
    return { calls, failureRate: calls === 0 ? 0 : failures / calls, slowCallRate: calls === 0 ? 0 : slow / calls };
  }

  private count(now: number): { readonly calls: number; readonly failures: number; readonly slow: number } {
    const { window } = this.options;
    if (window.type === 'consecutive') {
      const sinceSuccess = this.results.slice(this.results.findLastIndex(({ failed }) => !failed) + 1);
      return { calls: this.results.length, failures: sinceSuccess.length, slow: 0 };
    }
    const counted =
      window.type === 'count'
        ? this.results.slice(-window.size)
        : this.results.filter(({ at }) => sliceOf(now, window.durationMs) - sliceOf(at, window.durationMs) < 10);
    return {
      calls: counted.length,
      failures: counted.filter(({ failed }) => failed).length,
      slow: counted.filter(({ slow }) => slow).length,
    };
  }

  private retryAfterMs(now: number): number {
    return this.state === 'open' ? Math.max(0, this.retryAt - now) : 0;
  }
}

/** A time window forgets in steps of a tenth of itself. */
function sliceOf(at: number, durationMs: number): number {
  return Math.floor(at / (durationMs / 10));
}

/** One circuit per key; the key that was used longest ago is forgotten when there are too many. */
export class KeyedCircuitModel {
  /** Least recently used first. */
  circuits: { readonly key: string; readonly circuit: CircuitModel }[] = [];

  constructor(
    private readonly name: string,
    private readonly options: ModelOptions,
    private readonly maxKeys: number,
    private readonly events: ModelEvents,
  ) {}

  select(key: string): CircuitModel {
    const circuit =
      this.circuits.find((one) => one.key === key)?.circuit ??
      new CircuitModel(`${this.name}[${key}]`, this.options, this.events);
    this.circuits = [...this.circuits.filter((one) => one.key !== key), { key, circuit }].slice(-this.maxKeys);
    return circuit;
  }
}
