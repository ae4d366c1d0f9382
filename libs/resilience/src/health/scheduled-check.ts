import type { SchedulerRegistry } from '@nestjs/schedule';
import type { Clock, TimerHandle } from '../engine/clock.js';
import type { Random } from '../engine/random.js';
import type { HealthCheckFunction, HealthCheckSettings } from './health-check.options.js';
import { down, type HealthOutcome } from './health-outcome.js';
import type { HealthCheckState, HealthReport } from './health.report.js';
import { outcomeOfError, readOutcome } from './read-outcome.js';

/** After so many intervals a result says nothing about now, and a run that never ended is given up. */
const STALE_AFTER_INTERVALS = 3;
const JITTER = 0.1;

/** What a check needs from the registry that owns it. */
export interface CheckSurroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: SchedulerRegistry;
  reported(report: HealthReport): void;
}

/**
 * One check, run again and again in the background: its next run is set when one has ended, so runs never overlap.
 * It is listed in the SchedulerRegistry as interval `resilience.health.<name>`; deleting it there ends it.
 */
export class ScheduledCheck {
  private readonly key: string;
  private timer: TimerHandle | undefined;
  private flight: Promise<void> | undefined;
  private last: (HealthReport & { readonly endedAt: number }) | undefined;
  private passedOnce = false;
  /** A run whose time was up but which has not ended: it keeps others from starting. */
  private hanging: { readonly since: number } | undefined;
  private abort: AbortController | undefined;

  constructor(
    readonly name: string,
    private readonly check: HealthCheckFunction,
    readonly settings: HealthCheckSettings,
    private readonly surroundings: CheckSurroundings,
  ) {
    this.key = `resilience.health.${name}`;
  }

  start(): void {
    const { scheduler } = this.surroundings;
    scheduler.addInterval(this.key, this);
    void this.run();
  }

  stop(): void {
    const { scheduler } = this.surroundings;
    this.timer?.cancel();
    this.abort?.abort(new Error('the application shuts down'));
    if (scheduler.doesExist('interval', this.key)) scheduler.deleteInterval(this.key);
  }

  /** Runs the check now; joins the run that is on its way. Never rejects. */
  run(): Promise<void> {
    this.flight ??= this.runAndReport().finally(() => {
      this.flight = undefined;
      this.scheduleNext();
    });
    return this.flight;
  }

  state(): HealthCheckState {
    const { name, last, passedOnce } = this;
    const { interval } = this.settings;
    const critical = this.settings.critical || (last?.status === 'down' && last.critical === true);
    if (last === undefined) {
      return { name, critical, status: 'pending', reason: 'has not run yet', stale: false, passedOnce };
    }
    const ageMs = this.surroundings.clock.now() - last.endedAt;
    const stale = ageMs > STALE_AFTER_INTERVALS * interval;
    const reason = stale
      ? `no result for ${Math.round(ageMs / 1000)} s`
      : last.status === 'up'
        ? undefined
        : last.reason;
    return {
      name,
      critical,
      status: stale ? 'down' : last.status,
      ...(reason !== undefined && { reason }),
      ...(last.details && { details: last.details }),
      checkedAt: last.startedAt,
      ageMs,
      durationMs: last.durationMs,
      stale,
      passedOnce,
    };
  }

  private scheduleNext(): void {
    const { clock, random, scheduler } = this.surroundings;
    this.timer?.cancel();
    if (!scheduler.doesExist('interval', this.key)) return;
    const jitter = 1 + JITTER * (2 * random() - 1);
    this.timer = clock.setTimer(() => {
      if (scheduler.doesExist('interval', this.key)) void this.run();
    }, this.settings.interval * jitter);
    this.timer.unref();
  }

  private async runAndReport(): Promise<void> {
    const { clock } = this.surroundings;
    const startedAt = clock.epochNow();
    const begun = clock.now();
    const outcome = this.stillHanging(begun) ?? (await this.runOnce(begun));
    const endedAt = clock.now();
    const report: HealthReport = { ...outcome, check: this.name, startedAt, durationMs: endedAt - begun };
    this.last = { ...report, endedAt };
    this.passedOnce ||= outcome.status !== 'down';
    this.surroundings.reported(report);
  }

  private stillHanging(now: number): HealthOutcome | undefined {
    if (this.hanging === undefined) return undefined;
    const forMs = now - this.hanging.since;
    if (forMs > STALE_AFTER_INTERVALS * this.settings.interval) return undefined;
    return down(`the run that began ${Math.round(forMs / 1000)} s ago has not ended`);
  }

  private runOnce(begun: number): Promise<HealthOutcome> {
    const { timeout } = this.settings;
    const abort = (this.abort = new AbortController());
    const run = { since: begun };
    return new Promise((resolve) => {
      const timer = this.surroundings.clock.setTimer(() => {
        this.hanging = run;
        abort.abort(new Error(`no answer within ${timeout} ms`));
      }, timeout);
      timer.unref();
      const settled = (outcome: HealthOutcome) => {
        timer.cancel();
        if (this.hanging === run) this.hanging = undefined;
        resolve(outcome);
      };
      // First of all listeners, so a check that rejects because of the signal still reads as what ended it.
      abort.signal.addEventListener('abort', () => {
        timer.cancel();
        resolve(outcomeOfError(abort.signal.reason));
      });
      // A check that throws at once rejects here, too.
      const answer = new Promise<unknown>((done) => done(this.check({ signal: abort.signal })));
      answer.then(readOutcome).then(settled, (error: unknown) => settled(outcomeOfError(error)));
    });
  }
}
