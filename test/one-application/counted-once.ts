import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ResilienceService } from '@nest-resilience/core';
import type { INestApplicationContext } from '@nestjs/common';

import { until } from '../contract/lane.js';
import { Work } from './work.js';

/** The only application of the process, as its clients see it. */
export interface OneApplication {
  readonly app: INestApplicationContext;
  /** Calls `retried` and the like of a class; resolves when it has ended, well or not. */
  call(className: string, method: string): Promise<void>;
  /** Takes leave of it, before it closes. */
  close?(): void;
}

/** One whose clients are connected while they wait. */
export interface WithClients extends OneApplication {
  /** Calls `waiting` of a class. @returns what makes its client go away without an answer */
  wait(className: string): () => void;
}

/**
 * What a call counts for, over any transport. A second application in the same process would hide that the first one counts
 * twice: Nest keeps what it knows of a handler on its class. So each suite that uses this is a file, and makes one application.
 */
export function countsOnce(classNames: readonly string[], start: () => Promise<OneApplication>): void {
  countsIn(classNames, started(start));
}

/** The same where clients wait for their answers, and may go away. */
export function countsOnceForClients(classNames: readonly string[], start: () => Promise<WithClients>): void {
  const one = started(start);
  countsIn(classNames, one);

  it.each(classNames)(
    '%s: a client that goes away aborts the attempt, and its call counts for nothing',
    async (name) => {
      const { app, wait } = one();
      const work = app.get(Work);
      const leave = wait(name);
      await until(() => work.runsOf(`${name}.waiting`) === 1);

      leave();
      await until(() => work.signalOf(`${name}.waiting`)?.aborted === true);

      expect(work.runsOf(`${name}.waiting`)).toBe(1);
      expect(metricsOf(app, `${name}.waiting`)).toMatchObject({ total: 0 });
    },
  );
}

function started<T extends OneApplication>(start: () => Promise<T>): () => T {
  let one: T;
  beforeAll(async () => {
    one = await start();
  });
  afterAll(async () => {
    one.close?.();
    await one.app.close();
  });
  return () => one;
}

function metricsOf(app: INestApplicationContext, method: string): object {
  return app.get(ResilienceService).metrics().methods[method] ?? { total: 'nothing known of this method' };
}

function countsIn(classNames: readonly string[], one: () => OneApplication): void {
  describe.each(classNames)('%s:', (name) => {
    const runs = (method: string): number => one().app.get(Work).runsOf(`${name}.${method}`);
    const metrics = (method: string): object => metricsOf(one().app, `${name}.${method}`);

    it('a call is one call', async () => {
      await one().call(name, 'fine');

      expect(runs('fine')).toBe(1);
      expect(metrics('fine')).toMatchObject({ total: 1, successful: 1, failed: 0, successRate: 1, averageAttempts: 1 });
    });

    it('maxRetries: 2 runs the method three times, for one call', async () => {
      await one().call(name, 'retried');

      expect(runs('retried')).toBe(3);
      expect(metrics('retried')).toMatchObject({ total: 1, successful: 1, retryRate: 1, averageAttempts: 3 });
    });

    it('a call that fails is one failed call, and each of its attempts counts for the circuit', async () => {
      await one().call(name, 'failing');

      const circuit = one().app.get(ResilienceService).circuit(`${name}.failing`);
      expect(runs('failing')).toBe(3);
      expect(metrics('failing')).toMatchObject({ total: 1, successful: 0, failed: 1, averageAttempts: 3 });
      expect(circuit.snapshot()).toMatchObject({ state: 'closed', calls: 3, failures: 3 });
    });

    it('one success and one failure are a success rate of a half', async () => {
      await one().call(name, 'mixed');
      await one().call(name, 'mixed');

      expect(metrics('mixed')).toMatchObject({ total: 2, successRate: 0.5, averageAttempts: 1 });
    });
  });
}
