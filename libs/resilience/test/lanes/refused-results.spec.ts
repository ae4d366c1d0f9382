import { describe, expect, it } from '@jest/globals';

import { ResultRejectedError } from '../../src/engine/errors.js';
import { fails, gives, type Lane, LaneBench, LANES } from './lane-bench.js';

const isBad = (result: unknown): boolean => result === 'bad';
const DOWN = Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
const retry = { maxRetries: 2, strategy: 'immediate', retryOnResult: isBad } as const;

/** What was refused is in an error that is not the caller's. */
const rejected = expect.objectContaining({
  code: 'RESILIENCE_RESULT_REJECTED',
  policy: 'Orders.charge',
  result: 'bad',
});

describe.each<[string, Lane]>(LANES)('A result of %s', (_name, lane) => {
  describe('that retries refuse to the end', () => {
    it('is the answer', async () => {
      const bench = new LaneBench(lane, { retry, fallback: 'rescue', deadLetter: true });

      expect(await bench.play(gives('bad')).run()).toMatchObject({ value: 'bad' });
      expect(bench.starts).toHaveLength(3);
      expect(bench.letters).toEqual([]);
    });

    it('is an error where that was asked for, which a fallback may answer', async () => {
      const policies = { retry: { ...retry, throwOnExhaustedResult: true } };
      const alone = new LaneBench(lane, { ...policies, deadLetter: true });
      const rescued = new LaneBench(lane, { ...policies, fallback: 'rescue', deadLetter: true });

      expect(await alone.play(gives('bad')).run()).toMatchObject({ error: rejected });
      expect(await rescued.play(gives('bad')).run('a')).toMatchObject({ value: 'rescued a' });

      expect([alone.starts.length, rescued.starts.length]).toEqual([3, 3]);
      expect(alone.letters).toMatchObject([{ error: rejected }]);
      expect(alone.stats).toMatchObject({ failedWithRetry: 1, successfulWithRetry: 0 });
      expect(rescued.letters).toEqual([]);
      expect(rescued.leftovers).toEqual({ calls: 0, timers: 0, active: 0, retrying: 0 });
    });

    it('is no error when a retry brings a better one', async () => {
      const bench = new LaneBench(lane, { retry: { ...retry, throwOnExhaustedResult: true } });

      expect(await bench.play(gives('bad'), gives('good')).run()).toMatchObject({ value: 'good' });
    });
  });

  describe('that a fallback refuses', () => {
    it('is replaced, from the first call on, and a good one is not', async () => {
      const seen: unknown[] = [];
      const use = (...args: unknown[]): string => `instead of ${String(seen.push(args.at(-1)))}`;
      const bench = new LaneBench(lane, { fallback: { use, onResult: isBad }, deadLetter: true });

      expect(await bench.play(gives('bad')).run('a')).toMatchObject({ value: 'instead of 1' });
      expect(await bench.play(gives('good')).run('a')).toMatchObject({ value: 'good' });

      expect(seen).toEqual([{ error: rejected, attempts: 1, level: 1, errors: [rejected] }]);
      expect(bench.stats).toMatchObject({ successfulWithoutRetry: 2, failedWithoutRetry: 0, fallbacks: 1 });
      expect(bench.letters).toEqual([]);
      expect(bench.leftovers).toEqual({ calls: 0, timers: 0 });
    });

    it('is replaced after the retries, and errors are as well', async () => {
      const bench = new LaneBench(lane, { retry, fallback: { use: 'rescue', onResult: isBad } });

      expect(await bench.play(gives('bad')).run()).toMatchObject({ value: 'rescued' });
      expect(bench.starts).toHaveLength(3);
      expect(await bench.play(fails(DOWN)).run()).toMatchObject({ value: 'rescued' });
    });

    it('goes to those that refuse it, then to those that take any error', async () => {
      const onResult = (): boolean => false;
      const broken = (): never => {
        throw new Error('no');
      };
      const fallback = [
        { use: 'nobody', onResult },
        { use: 'nobody', on: TypeError },
        { use: broken, onResult: isBad },
        { use: { value: 'last' }, on: ResultRejectedError },
      ];
      const bench = new LaneBench(lane, { fallback });

      expect(await bench.play(gives('bad')).run()).toMatchObject({ value: 'last' });
    });

    it('is an error when they all fail', async () => {
      const use = (): never => {
        throw new Error('no');
      };
      const bench = new LaneBench(lane, { fallback: { use, onResult: isBad }, deadLetter: true });

      expect(await bench.play(gives('bad')).run()).toMatchObject({ error: rejected });

      expect(bench.letters).toMatchObject([{ error: rejected }]);
      expect(bench.stats).toMatchObject({ failedWithoutRetry: 1 });
    });

    if (lane.shape !== 'iterable' && lane.way !== 'handler')
      it('is not kept for later', async () => {
        const bench = new LaneBench(lane, { cache: '1h', fallback: { use: 'rescue', onResult: isBad } });
        await bench.shown();

        expect(await bench.play(gives('bad')).run()).toMatchObject({ value: 'rescued' });
        expect(await bench.play(gives('good')).run()).toMatchObject({ value: 'good' });
        expect(await bench.play(gives('later')).run()).toMatchObject({ value: 'good' });
      });
  });
});
