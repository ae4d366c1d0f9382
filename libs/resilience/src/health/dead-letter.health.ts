import { Inject, Injectable } from '@nestjs/common';
import { DeadLetterStore } from '../dead-letter/store/dead-letter.store.js';
import type { Clock } from '../engine/clock.js';
import * as option from '../engine/option/index.js';
import { RESILIENCE_CLOCK } from '../nest/tokens.js';
import { degraded, type HealthOutcome, up } from './health-outcome.js';

export const DEAD_LETTER_HEALTH = option.options({
  /**
   * More entries than this that wait for somebody (pending or poisoned) degrade.
   * @default 100
   */
  maxWaiting: option.number(100, { min: 0 }),
  /**
   * An entry that waits longer than this degrades.
   * @default '24h'
   */
  maxAge: option.duration(86_400_000),
});

export interface DeadLetterHealthOptions extends option.OptionsOf<typeof DEAD_LETTER_HEALTH.spec> {}

/** `maxAge` in milliseconds. */
export const DEFAULT_DEAD_LETTER_HEALTH_OPTIONS = DEAD_LETTER_HEALTH.default;

/**
 * Depth and age of the dead letters. They never take the process down: it can still serve. A store that does not answer rejects,
 * which the check that runs this reports with the store's own error.
 */
@Injectable()
export class DeadLetterHealthIndicator {
  constructor(
    @Inject(DeadLetterStore) private readonly store: Pick<DeadLetterStore, 'count'>,
    @Inject(RESILIENCE_CLOCK) private readonly clock: Clock,
  ) {}

  async check(options?: DeadLetterHealthOptions): Promise<HealthOutcome> {
    const { maxWaiting, maxAge } = option.read(DEAD_LETTER_HEALTH, options, 'HealthModule > deadLetters');
    const counts = await this.store.count({ status: ['pending', 'poisoned'] });
    const waiting = counts.reduce((sum, { count }) => sum + count, 0);
    const poisoned = counts.reduce((sum, { status, count }) => sum + (status === 'poisoned' ? count : 0), 0);
    const oldestAt = counts.length === 0 ? undefined : Math.min(...counts.map((count) => count.oldestAt));
    const oldestAgeMs = oldestAt === undefined ? 0 : Math.max(0, this.clock.epochNow() - oldestAt);
    const details = { waiting, poisoned, oldestAgeMs };
    const reasons: string[] = [];
    if (waiting > maxWaiting) reasons.push(`${waiting} dead letters wait, more than ${maxWaiting}`);
    if (oldestAgeMs > maxAge) reasons.push(`the oldest has waited for ${Math.round(oldestAgeMs / 60_000)} min`);
    return reasons.length > 0 ? degraded(reasons.join('; '), details) : up(details);
  }
}
