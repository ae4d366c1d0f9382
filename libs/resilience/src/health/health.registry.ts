import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  Optional,
} from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import type { Clock } from '../engine/clock.js';
import { ResilienceError } from '../engine/errors.js';
import type { EventSink } from '../engine/events.js';
import { didYouMean } from '../engine/did-you-mean.js';
import { type Random, systemRandom } from '../engine/random.js';
import { RESILIENCE_CLOCK, RESILIENCE_EVENTS, RESILIENCE_RANDOM } from '../nest/tokens.js';
import { type HealthCheckFunction, type HealthCheckOptions, readHealthCheckOptions } from './health-check.options.js';
import { HEALTH_CHANGED, type HealthChangedEvent } from './health.events.js';
import { type HealthReport, type HealthStatus, type HealthSummary, summarize } from './health.report.js';
import type { HealthSource } from './health.token.js';
import { ScheduledCheck } from './scheduled-check.js';

const REPORTS_KEPT = 100;

/**
 * All health checks of the application. They run in the background; asking for the {@link summary} only reads their last results,
 * so a probe costs the same however slow a dependency is.
 */
@Injectable()
export class HealthRegistry implements HealthSource, OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Resilience:Health');
  private readonly checks = new Map<string, ScheduledCheck>();
  private readonly kept: HealthReport[] = [];
  private status: HealthStatus | undefined;
  private running = false;

  constructor(
    @Inject(RESILIENCE_CLOCK) private readonly clock: Clock,
    @Inject(RESILIENCE_EVENTS) private readonly events: EventSink,
    // The application's, so that checks show up there; one of our own where it does not import ScheduleModule.
    @Optional() @Inject(SchedulerRegistry) private readonly scheduler: SchedulerRegistry = new SchedulerRegistry(),
    @Optional() @Inject(RESILIENCE_RANDOM) private readonly random: Random = systemRandom,
  ) {}

  /**
   * Adds a check: it first runs when the application has started (at once, if it has), then once per interval.
   * @throws ResilienceOptionsError when an option cannot work, ResilienceError when the name is taken
   */
  register(name: string, check: HealthCheckFunction, options?: HealthCheckOptions): void {
    const settings = readHealthCheckOptions(name, options);
    if (this.checks.has(name)) {
      throw new ResilienceError(
        `Health check '${name}' is registered already: choose another name, or call unregister('${name}') first`,
        'RESILIENCE_OPTIONS',
        name,
      );
    }
    const { clock, random, scheduler } = this;
    const reported = (report: HealthReport) => this.reported(report);
    const added = new ScheduledCheck(name, check, settings, { clock, random, scheduler, reported });
    this.checks.set(name, added);
    if (this.running) added.start();
  }

  /** Ends a check and forgets its result; `false` when there is none of this name. */
  unregister(name: string): boolean {
    this.checks.get(name)?.stop();
    return this.checks.delete(name);
  }

  /**
   * Runs one check now, or joins its run that is on the way, and resolves when its result is in.
   * @throws ResilienceError when there is no check of this name
   */
  async run(name: string): Promise<void> {
    const check = this.checks.get(name);
    if (check) return check.run();
    throw new ResilienceError(
      `There is no health check '${name}'${didYouMean(name, [...this.checks.keys()])}`,
      'RESILIENCE_OPTIONS',
      name,
    );
  }

  /** Where every check stands, and what that means together. Runs nothing. */
  summary(): HealthSummary {
    const summary = summarize([...this.checks.values()].map((check) => check.state()));
    this.noteChange(summary);
    return summary;
  }

  /** The last 100 runs, oldest first, of one check or of all. */
  reports(check?: string): readonly HealthReport[] {
    return this.kept.filter((report) => check === undefined || report.check === check);
  }

  onApplicationBootstrap(): void {
    this.running = true;
    for (const check of this.checks.values()) check.start();
  }

  onModuleDestroy(): void {
    this.running = false;
    for (const check of this.checks.values()) check.stop();
  }

  private reported(report: HealthReport): void {
    if (!this.running) return;
    this.kept.push(report);
    if (this.kept.length > REPORTS_KEPT) this.kept.shift();
    this.summary();
  }

  private noteChange({ status, reasons, checks }: HealthSummary): void {
    if (status === this.status || !this.running || checks.some((check) => check.status === 'pending')) return;
    const previous = this.status;
    this.status = status;
    // An application that starts healthy has not changed.
    if (previous === undefined && status === 'ok') return;
    if (status === 'ok') this.logger.log('Health is ok again');
    else this.logger.warn(`Health is ${status === 'error' ? 'down' : status}: ${reasons.join('; ')}`);
    if (!this.events.listens(HEALTH_CHANGED)) return;
    const event: HealthChangedEvent = { status, previous, reasons, at: this.clock.epochNow() };
    this.events.emit(HEALTH_CHANGED, event);
  }
}
