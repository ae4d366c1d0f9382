import { afterEach, describe, expect, it } from '@jest/globals';
import { Test, type TestingModule } from '@nestjs/testing';
import { ResilienceService } from '../nest/resilience.service.js';
import { disableAll, FakeClock, forceOpen, RecordingEvents, ResilienceTestingModule } from './index.js';

const reset = () => Object.assign(new Error('reset'), { code: 'ECONNRESET' });

describe('ResilienceTestingModule', () => {
  let app: TestingModule;

  afterEach(() => app.close());

  const start = async () => {
    app = await Test.createTestingModule({ imports: [ResilienceTestingModule.forRoot({ seed: 3 })] }).compile();
    await app.init();
    return { clock: app.get(FakeClock), events: app.get(RecordingEvents), resilience: app.get(ResilienceService) };
  };

  it('retries on the fake clock, with the same jitter in every run, and records it', async () => {
    const delays: number[][] = [];

    for (let run = 0; run < 2; run++) {
      const { clock, events, resilience } = await start();
      let calls = 0;
      const answer = resilience.execute({ name: 'pay', retry: { maxRetries: 3, baseDelay: '1s' } }, () => {
        if (++calls < 3) throw reset();
        return calls;
      });
      await clock.advance('1m');

      expect(await answer).toBe(3);
      expect(events.names).toEqual([
        'resilience.retry.scheduled',
        'resilience.retry.scheduled',
        'resilience.retry.recovered',
      ]);
      delays.push(events.of('resilience.retry.scheduled').map(({ delayMs }) => delayMs));
      events.clear();
      expect(events.all).toEqual([]);
      if (run === 0) await app.close();
    }

    expect(delays[0]).toHaveLength(2);
    expect(delays[1]).toEqual(delays[0]);
  });

  it('opens a circuit by hand, and disables all', async () => {
    const { resilience } = await start();
    const policy = resilience.policy({ name: 'pay', circuitBreaker: {} });
    await policy.execute(() => 'paid');

    forceOpen(resilience, 'pay');
    await expect(policy.execute(() => 'paid')).rejects.toMatchObject({ code: 'RESILIENCE_CIRCUIT_OPEN' });
    disableAll(resilience);

    expect(await policy.execute(() => 'paid')).toBe('paid');
    expect(() => forceOpen(resilience, 'pya')).toThrow(/did you mean 'pay'/);
  });
});
