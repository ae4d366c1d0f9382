import { randomBytes } from 'node:crypto';

/**
 * Makes UUIDv7s (RFC 9562, method 1 of section 6.2: the 12 bits after the time count on within a millisecond), so that
 * ids of one process sort strictly in the order of their making, also when the wall clock steps back.
 * @param epochNow wall clock, milliseconds since 1970
 */
export function uuidV7Source(epochNow: () => number): () => string {
  let lastMs = -1;
  let counter = 0;
  return () => {
    const nowMs = Math.max(0, Math.floor(epochNow()));
    if (nowMs > lastMs) {
      lastMs = nowMs;
      // Starts in the lower half, which leaves at least 2,048 ids for the same millisecond.
      counter = randomBytes(2).readUInt16BE() & 0x7ff;
    } else if (++counter > 0xfff) {
      lastMs++;
      counter = 0;
    }
    const time = lastMs.toString(16).padStart(12, '0').slice(-12);
    const random = randomBytes(8);
    random[0] = (random[0]! & 0x3f) | 0x80;
    const tail = random.toString('hex');
    const sequence = counter.toString(16).padStart(3, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${sequence}-${tail.slice(0, 4)}-${tail.slice(4)}`;
  };
}
