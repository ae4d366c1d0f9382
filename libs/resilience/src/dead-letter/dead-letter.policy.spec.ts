import { describe, expect, it } from '@jest/globals';

import type { DeadLetterSink, FailedCall } from '../engine/dead-letter-sink.js';
import { createPolicy } from '../policy/create-policy.js';
import type { DeadLetterOptions } from './dead-letter.options.js';

function sinkThat(answer: string | undefined): DeadLetterSink & { kept: FailedCall[] } {
  const kept: FailedCall[] = [];
  return {
    kept,
    store: (call) => {
      kept.push(call);
      return Promise.resolve(answer);
    },
  };
}

function policyWith(deadLetter: DeadLetterOptions, deadLetters: DeadLetterSink) {
  return createPolicy({
    name: 'Mailer.send',
    retry: { maxRetries: 1, strategy: 'immediate' },
    deadLetter,
    deadLetters,
  });
}

const down = () => Promise.reject(new Error('down'));

describe('DeadLetterPolicy', () => {
  it('lets a message handler acknowledge once the entry is durable', async () => {
    const sink = sinkThat('id-1');

    const outcome = await policyWith({ rethrow: false }, sink).execute(down);

    expect(outcome).toBeUndefined();
    expect(sink.kept).toMatchObject([
      { target: 'Mailer.send', reason: 'failed', attempts: [{ number: 1 }, { number: 2 }] },
    ]);
  });

  it('rejects although rethrow is false when the entry could not be kept: an acknowledged message would be lost', async () => {
    const outcome = policyWith({ rethrow: false }, sinkThat(undefined)).execute(down);

    await expect(outcome).rejects.toThrow('down');
  });

  it('keeps nothing for a caller who gave up', async () => {
    const sink = sinkThat('id-1');
    const controller = new AbortController();
    controller.abort(new Error('left'));

    const outcome = policyWith({}, sink).execute(down, { signal: controller.signal });

    await expect(outcome).rejects.toThrow('left');
    expect(sink.kept).toEqual([]);
  });

  it('keeps a rescued call only when asked to', async () => {
    const [plain, exhausted] = [sinkThat('a'), sinkThat('b')];
    const fallback = { value: 'cached' };

    await createPolicy({ deadLetter: true, fallback, deadLetters: plain }).execute(down);
    await createPolicy({ deadLetter: { capture: 'exhausted' }, fallback, deadLetters: exhausted }).execute(down);

    expect(plain.kept).toEqual([]);
    expect(exhausted.kept).toMatchObject([{ reason: 'rescued', error: { message: 'down' } }]);
  });
});
