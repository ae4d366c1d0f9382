import { Inject, Injectable, Optional } from '@nestjs/common';
import { DeadLetterStore } from '../dead-letter/dead-letter.store.js';
import { DeadLetterWriter } from '../dead-letter/dead-letter.writer.js';
import { StoreFaults } from '../nest/store-faults.js';
import { degraded, type HealthOutcome, up } from './health-outcome.js';
import { messageOf } from '../engine/foreign-error.js';

type Writer = Pick<DeadLetterWriter, 'degraded' | 'countRefused'> & Partial<Pick<DeadLetterWriter, 'onDegradedChange'>>;

/** An id that no entry has. */
const NOBODY = 'health-check';

/**
 * Whether the dead-letter store and the other stores of the application answer. One that fails never takes the process down: calls go
 * on, and what they leave waits in the spill until the store is back. Entries that it refuses for good degrade too, until somebody has
 * looked at them. Only a store that is gone (its file was deleted or replaced) is
 * down, and critical: no waiting mends it.
 */
@Injectable()
export class StoreHealthIndicator {
  constructor(
    @Inject(DeadLetterStore) private readonly store: Pick<DeadLetterStore, 'name' | 'durable' | 'get' | 'probe'>,
    @Inject(DeadLetterWriter) private readonly writer: Writer,
    @Optional() @Inject(StoreFaults) private readonly faults: StoreFaults = new StoreFaults(),
  ) {}

  async check(): Promise<HealthOutcome> {
    const { name, durable } = this.store;
    const details = { store: name, durable, spilling: this.writer.degraded, refused: await this.writer.countRefused() };
    const failure = await this.probe();
    await this.faults.recheck();
    const faults = new Map([...this.faults.current].map(([store, { reason }]) => [store, reason]));
    const reason = failure ?? faults.get(name);
    faults.delete(name);
    const reasons = [...faults].map(([store, why]) => `${store} fails: ${why}`);
    if (reason !== undefined) reasons.unshift(`${name} fails: ${reason}`);
    if (details.spilling) reasons.push(`${name} fails: dead letters wait in the spill`);
    else if (failure === undefined && details.refused > 0)
      reasons.push(`${name} refuses ${details.refused} dead letters, which wait beside the spill`);
    if (reasons.length === 0) return up(details);
    const lost = [...this.faults.current.values()].some((fault) => fault.lost);
    return lost
      ? { status: 'down', reason: reasons.join('; '), details, critical: true }
      : degraded(reasons.join('; '), details);
  }

  /** Calls back as soon as somebody who uses a store knows that it fails or answers again. */
  onChange(listener: () => void): void {
    this.writer.onDegradedChange?.(listener);
    this.faults.onChange(listener);
  }

  private async probe(): Promise<string | undefined> {
    try {
      await (this.store.probe?.() ?? this.store.get(NOBODY));
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }
}
