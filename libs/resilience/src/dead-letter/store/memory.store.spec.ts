import { describe, expect, it } from '@jest/globals';
import { deadLetterRecord, describeDeadLetterStore } from './dead-letter-store.contract.js';
import { MemoryDeadLetterStore } from './memory.store.js';

describeDeadLetterStore('MemoryDeadLetterStore', { describe, it }, { open: () => new MemoryDeadLetterStore() });

describe('MemoryDeadLetterStore at its maximum', () => {
  it('lets the oldest closed entry make room', async () => {
    const store = new MemoryDeadLetterStore({ maxEntries: 2 });
    const closed = deadLetterRecord({ status: 'resolved' });
    await store.add(deadLetterRecord());
    await store.add(closed);

    await store.add(deadLetterRecord());

    expect(await store.get(closed.id)).toBeUndefined();
  });

  it('refuses rather than drop an open entry, and says what to do', async () => {
    const store = new MemoryDeadLetterStore({ maxEntries: 1 });
    await store.add(deadLetterRecord());

    const refused = store.add(deadLetterRecord());

    await expect(refused).rejects.toMatchObject({ code: 'RESILIENCE_DEAD_LETTER_STORE_FULL' });
    await expect(refused).rejects.toThrow(/redrive, discard or purge/);
  });
});
