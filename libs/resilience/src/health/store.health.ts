import { Inject, Injectable, Optional } from '@nestjs/common';
import { DeadLetterStore } from '../dead-letter/store/dead-letter.store.js';
import { DeadLetterWriter } from '../dead-letter/dead-letter.writer.js';
import { messageOf } from '../engine/foreign-error.js';
import { StoreFaults } from '../nest/store-faults.js';
import { degraded, type HealthOutcome, up } from './health-outcome.js';

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
  /** Those of the probes that are on their way. */
  private readonly changed: (() => void)[] = [];

  constructor(
    @Inject(DeadLetterStore) private readonly store: Pick<DeadLetterStore, 'name' | 'durable' | 'get' | 'probe'>,
    @Inject(DeadLetterWriter) private readonly writer: Writer,
    @Optional() @Inject(StoreFaults) private readonly faults: StoreFaults = new StoreFaults(),
  ) {}

  async check(): Promise<HealthOutcome> {
    const { name, durable } = this.store;
    const failure = this.failureKnown ? undefined : await this.probe();
    // Not waited for: what is known is told now, and what this finds out later is a change.
    void this.faults.recheck();
    const { degraded: spilling } = this.writer;
    const details = { store: name, durable, spilling, refused: await this.writer.countRefused() };
    const faults = new Map([...this.faults.current].map(([store, { reason }]) => [store, reason]));
    const reason = failure ?? faults.get(name);
    faults.delete(name);
    const reasons = [...faults].map(([store, why]) => `${store} fails: ${why}`);
    if (reason !== undefined) reasons.unshift(`${name} fails: ${reason}`);
    if (spilling) reasons.push(`${name} fails: dead letters wait in the spill`);
    else if (failure === undefined && details.refused > 0)
      reasons.push(`${name} refuses ${details.refused} dead letters, which wait beside the spill`);
    if (reasons.length === 0) return up(details);
    const isDown = [...this.faults.current.values()].some(({ lost, critical }) => lost || critical);
    return isDown
      ? { status: 'down', reason: reasons.join('; '), details, critical: true }
      : degraded(reasons.join('; '), details);
  }

  /** Calls back as soon as somebody who uses a store knows that it fails or answers again. */
  onChange(listener: () => void): void {
    const tell = (): void => {
      for (const changed of this.changed.splice(0)) changed();
      listener();
    };
    this.writer.onDegradedChange?.(tell);
    this.faults.onChange(tell);
  }

  private get failureKnown(): boolean {
    return this.writer.degraded || this.faults.current.size > 0;
  }

  /** Why the store fails, if it does. Who uses a store that hangs knows it before this does. */
  private async probe(): Promise<string | undefined> {
    const known = new Promise<undefined>((resolve) => this.changed.push(() => resolve(undefined)));
    const asked = Promise.resolve()
      .then((): Promise<unknown> => this.store.probe?.() ?? this.store.get(NOBODY))
      .then(() => undefined, messageOf);
    return Promise.race([asked, known]);
  }
}
