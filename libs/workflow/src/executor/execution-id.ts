import { randomBytes } from 'node:crypto';

/** Makes UUIDv7s: their order is the order of their making, which the ledger pages by. */
export function executionIds(epochNow: () => number): () => string {
  let last = 0;
  let sequence = 0;
  return () => {
    const now = Math.max(last, Math.floor(epochNow()));
    sequence = now === last ? sequence + 1 : 0;
    // 4096 ids fit into one millisecond; then the next one is borrowed.
    last = sequence > 0xfff ? now + 1 : now;
    if (last !== now) sequence = 0;
    const time = last.toString(16).padStart(12, '0');
    const random = randomBytes(8).toString('hex');
    const variant = ((parseInt(random.slice(0, 1), 16) & 0x3) | 0x8).toString(16);
    return `${time.slice(0, 8)}-${time.slice(8)}-7${sequence.toString(16).padStart(3, '0')}-${variant}${random.slice(1, 4)}-${random.slice(4)}`;
  };
}
