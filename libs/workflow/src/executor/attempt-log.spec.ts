import { describe, expect, it } from '@jest/globals';
import { systemClock } from '@nest-resilience/core';
import { MAX_ATTEMPTS_KEPT } from '../ledger/execution.js';
import { AttemptLog, type Trier } from './attempt-log.js';

describe('the log of attempts', () => {
  const item = (index: number): Trier => ({ by: 'each', level: 0, index });
  const { signal } = new AbortController();

  it('counts no refused call as an attempt, however many there are', () => {
    const log = new AttemptLog(systemClock);
    const refusal = Object.assign(new Error('open'), { code: 'RESILIENCE_CIRCUIT_OPEN' });

    for (let index = 0; index < MAX_ATTEMPTS_KEPT + 20; index++) log.noteRefusal(item(index), refusal);

    expect(log.attempts).toHaveLength(MAX_ATTEMPTS_KEPT);
    expect(log.attemptCount).toBe(0);
  });

  it('counts the retry of an attempt that it kept no longer', async () => {
    const log = new AttemptLog(systemClock);
    await log.note(item(0), signal, () => 'fine');
    const slow = item(1);
    let fail!: (error: Error) => void;
    const first = log.note(slow, signal, () => new Promise((_, reject) => (fail = reject)));
    for (let index = 2; index < MAX_ATTEMPTS_KEPT + 2; index++) await log.note(item(index), signal, () => 'fine');
    fail(new Error('no luck'));
    await expect(first).rejects.toThrow('no luck');

    await log.note(slow, signal, () => 'fine');

    expect(log.retryCount).toBe(1);
    expect(log.attemptCount).toBe(MAX_ATTEMPTS_KEPT + 3);
  });

  it('counts the cost of answers that were paid for although the model call failed', async () => {
    const log = new AttemptLog(systemClock);
    const tries = [
      { provider: 'p', fallbackLevel: 0, attempt: 1, outcome: 'failed', durationMs: 1 },
      { ...{ provider: 'q', fallbackLevel: 1, attempt: 1, outcome: 'invalid', durationMs: 1 }, costUsd: 0.5 },
    ];
    const call = log.note({ by: 'ask', level: 0 }, signal, () => {
      throw Object.assign(new Error('no model could answer'), { tries });
    });

    await expect(call).rejects.toThrow('no model could answer');

    expect(log.costUsd).toBe(0.5);
  });
});
