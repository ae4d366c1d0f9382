import type { DeadLetterRecord } from '../dead-letter.entry.js';
import type { DeadLetterSpill, Drained, KeepInStore, RefusedEntry } from './spill.js';
import { Patience, SpillRun } from './spill-run.js';

/** The last resort without a directory: the newest entries, in memory. */
export class RingSpill implements DeadLetterSpill {
  readonly durable = false;
  private readonly ring = new Map<string, DeadLetterRecord>();
  private readonly refused = new Set<string>();
  private readonly patience = new Patience();

  constructor(private readonly capacity = 1_000) {}

  append(record: DeadLetterRecord): Promise<void> {
    if (this.ring.size >= this.capacity) for (const oldest of [...this.ring.keys()].slice(0, 1)) this.forget(oldest);
    this.ring.set(record.id, record);
    return Promise.resolve();
  }

  async drain(keep: KeepInStore, alsoRefused = false): Promise<Drained> {
    const run = new SpillRun(keep, this.patience);
    if (alsoRefused) this.refused.clear();
    const waiting = [...this.ring.values()].filter(({ id }) => !this.refused.has(id));
    for (const record of waiting) {
      if (run.over) break;
      if (await run.offer(record)) this.forget(record.id);
    }
    const refused: RefusedEntry[] = [];
    for (const record of waiting.filter((each) => run.verdict(each) === 'refused')) {
      const outcome = await run.confirm(record);
      if (outcome === 'kept') this.forget(record.id);
      else if (outcome !== 'left') refused.push({ record, ...outcome });
    }
    for (const { record } of refused) this.refused.add(record.id);
    const { kept, left, failure } = run;
    return { kept, refused, ...(failure !== undefined && { failure }), ...(left > 0 && { left }) };
  }

  countRefused(): Promise<number> {
    return Promise.resolve(this.refused.size);
  }

  private forget(id: string): void {
    this.ring.delete(id);
    this.refused.delete(id);
  }
}
