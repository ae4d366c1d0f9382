import { setImmediate } from 'node:timers/promises';

/** Bytes of JSON that one page of a list comes to, at the most about this: so much is in memory and goes out at once. */
export const MAX_PAGE_BYTES = 4_194_304;

/** Lists show a value of more bytes of JSON than this in part. */
export const MAX_SHOWN_BYTES = 65_536;

const TURN_MS = 10;

/** Work in pieces: after 10 ms of it everybody else has a turn. Real time, because it is the processor that is shared. */
export class Turns {
  private since = performance.now();

  /** For loops with very many steps: a promise for each would cost more than the step. */
  get due(): boolean {
    return performance.now() - this.since >= TURN_MS;
  }

  async take(): Promise<void> {
    if (!this.due) return;
    await setImmediate();
    this.since = performance.now();
  }
}

/** How many of these, in their order, make a page; the first always does. */
export function fittingOnPage(bytes: readonly number[]): number {
  let sum = 0;
  const beyond = bytes.findIndex((size, index) => (sum += size) > MAX_PAGE_BYTES && index > 0);
  return beyond < 0 ? bytes.length : beyond;
}

/** What a store found, and what of it goes out. The cursor of a page is the id of its last item. */
export interface Page<T> {
  readonly items: readonly T[];
  /** `null` on the last page. */
  readonly nextCursor: string | null;
}

/**
 * Shows item by item, in turns, what fits on a page; what does not is on the next.
 * @param shorten comes first: what it leaves of an item is what counts
 */
export async function pageOf<S extends { readonly id: string }, T>(
  found: Page<S>,
  show: (item: S) => T,
  shorten: (item: S) => S = (item) => item,
): Promise<{ readonly items: T[]; readonly nextCursor: string | null }> {
  const turns = new Turns();
  const items: T[] = [];
  let bytes = 0;
  let nextCursor: string | null = null;
  for (const whole of found.items) {
    const item = shorten(whole);
    bytes += Buffer.byteLength(JSON.stringify(item));
    if (items.length > 0 && bytes > MAX_PAGE_BYTES) return { items, nextCursor };
    items.push(show(item));
    nextCursor = item.id;
    await turns.take();
  }
  return { items, nextCursor: found.nextCursor };
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether this is the id of something that a list may have ended with. Anything else would find an empty page, or the first again. */
export function isCursor(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}

/** What a cursor that is none should have been. */
export const CURSOR_EXPECTED = 'the nextCursor of the page before; leave it out for the first page';
