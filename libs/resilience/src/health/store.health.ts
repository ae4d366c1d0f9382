import { Inject, Injectable } from '@nestjs/common';
import { DeadLetterStore } from '../dead-letter/dead-letter.store.js';
import { DeadLetterWriter } from '../dead-letter/dead-letter.writer.js';
import { degraded, type HealthOutcome, up } from './health-outcome.js';

/** An id that no entry has. */
const NOBODY = 'health-check';

/**
 * Whether the dead-letter store answers. A store that fails never takes the process down: calls go on, and what they leave waits
 * in the spill until the store is back. Entries that it refuses for good degrade too, until somebody has looked at them.
 */
@Injectable()
export class StoreHealthIndicator {
  constructor(
    @Inject(DeadLetterStore) private readonly store: Pick<DeadLetterStore, 'name' | 'durable' | 'get'>,
    @Inject(DeadLetterWriter) private readonly writer: Pick<DeadLetterWriter, 'degraded' | 'countRefused'>,
  ) {}

  async check(): Promise<HealthOutcome> {
    const { name, durable } = this.store;
    const details = { store: name, durable, spilling: this.writer.degraded, refused: await this.writer.countRefused() };
    if (details.spilling) return degraded(`${name} fails: dead letters wait in the spill`, details);
    try {
      await this.store.get(NOBODY);
      return details.refused === 0
        ? up(details)
        : degraded(`${name} refuses ${details.refused} dead letters, which wait beside the spill`, details);
    } catch (error) {
      return degraded(`${name} fails: ${error instanceof Error ? error.message : String(error)}`, details);
    }
  }
}
