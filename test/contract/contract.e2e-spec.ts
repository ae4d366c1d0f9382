import 'reflect-metadata';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { BadRequestException } from '@nestjs/common';
import { DEAD_LETTER_STATUSES, DeadLetterService, ResilienceService } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';

import { type Lane, type OpenLane, until } from './lane.js';
import { serviceLanes } from './service-lanes.js';
import { methodName, POLICIES, type PolicyName, type ReturnKind } from './subject.js';
import { transportLanes } from './transport-lanes.js';

const clock = new FakeClock();
let open: OpenLane;

/** What the caller saw. */
async function outcomeOf(kind: ReturnKind, policy: PolicyName): Promise<{ value?: unknown; error?: unknown }> {
  return open.call(kind, policy, 'x').then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

function circuitOf(kind: ReturnKind, policy: PolicyName) {
  return open.app.get(ResilienceService).circuit(`${open.className}.${methodName(kind, policy)}`);
}

function deadLetters() {
  return open.app.get(DeadLetterService).list({ queue: 'contract' });
}

describe.each([...serviceLanes, ...transportLanes])('$name', (lane: Lane) => {
  beforeAll(async () => {
    open = await lane.open(clock);
  });

  beforeEach(async () => {
    for (const circuit of open.app.get(ResilienceService).circuits()) circuit.reset();
    await open.app.get(DeadLetterService).purge({ status: DEAD_LETTER_STATUSES });
  });

  afterAll(() => open.close());

  describe.each([...lane.kinds])('%s', (kind: ReturnKind) => {
    if (lane.plain === true) {
      it.each(Object.keys(POLICIES) as PolicyName[])('%s: the method runs once, as it was written', async (policy) => {
        const failure = new Error('once');
        open.script.play(failure);

        const { error } = await outcomeOf(kind, policy);

        expect(error).toBe(failure);
        expect(open.script.attempts).toBe(1);
        expect(open.script.rescues).toBe(0);
      });
      return;
    }

    it('retry: two failures are followed by a success, with the same argument', async () => {
      open.script.play(new Error('one'), new Error('two'), 'ok');

      const { value } = await outcomeOf(kind, 'retry');

      if (lane.fireAndForget !== true) expect(value).toBe('x');
      expect(open.script.attempts).toBe(3);
    });

    it('retry: the last error reaches the caller unchanged', async () => {
      const last = new Error('three');
      open.script.play(new Error('one'), new Error('two'), last);

      const { error } = await outcomeOf(kind, 'retry');

      expect(open.script.attempts).toBe(3);
      if (lane.translatesErrors !== true && lane.fireAndForget !== true) expect(error).toBe(last);
      if (lane.translatesErrors === true) expect(error).toBeDefined();
    });

    it("retry: the caller's own fault is not tried again", async () => {
      open.script.play(new BadRequestException('no such thing'));

      await outcomeOf(kind, 'retry');

      expect(open.script.attempts).toBe(1);
    });

    it('circuit breaker: opens, then refuses without entering the method', async () => {
      open.script.play(new Error('down'));

      await outcomeOf(kind, 'breaker');
      await outcomeOf(kind, 'breaker');
      const refused = await outcomeOf(kind, 'breaker');

      expect(open.script.attempts).toBe(2);
      expect(circuitOf(kind, 'breaker').snapshot()).toMatchObject({ state: 'open', notPermitted: 1 });
      if (lane.translatesErrors !== true && lane.fireAndForget !== true) {
        expect(refused.error).toMatchObject({ code: 'RESILIENCE_CIRCUIT_OPEN', state: 'open' });
      }
    });

    it("circuit breaker: the caller's own fault does not count", async () => {
      open.script.play(new BadRequestException('no such thing'));

      for (let i = 0; i < 4; i++) await outcomeOf(kind, 'breaker');

      expect(open.script.attempts).toBe(4);
      expect(circuitOf(kind, 'breaker').state).toBe('closed');
    });

    if (kind !== 'sync') {
      it('timeout: a method that never answers is given up', async () => {
        open.script.play('hang');

        const pending = outcomeOf(kind, 'timeout');
        await until(() => open.script.attempts === 1);
        await clock.advance('1s');
        const { error } = await pending;

        if (lane.fireAndForget !== true) expect(error).toBeDefined();
        if (lane.translatesErrors !== true && lane.fireAndForget !== true) {
          expect(error).toMatchObject({ code: 'RESILIENCE_TIMEOUT' });
        }
      });
    }

    it('fallback: answers with the original arguments and a context', async () => {
      const failure = new Error('primary down');
      open.script.play(failure);

      const { value } = await outcomeOf(kind, 'fallback');

      if (lane.fireAndForget !== true) expect(value).toBe('rescued');
      expect(open.script.rescues).toBe(1);
      expect(open.script.lastRescue?.context).toMatchObject({ attempts: 1, level: 1, error: failure });
      if (lane.fireAndForget !== true) expect(open.script.lastRescue?.args).toEqual(['x']);
    });

    it('dead letter: what nobody rescued is kept with its arguments, and the caller is told', async () => {
      open.script.play(new Error('lost?'));

      const { error } = await outcomeOf(kind, 'deadLetter');

      if (kind === 'sync') await until(() => open.app.get(ResilienceService).metrics().deadLetters.size > 0);
      const { items } = await deadLetters();
      expect(items).toHaveLength(1);
      expect(items[0]).toMatchObject({
        target: `${open.className}.${methodName(kind, 'deadLetter')}`,
        status: 'pending',
        error: { message: 'lost?' },
      });
      if (lane.fireAndForget !== true) expect(items[0]?.args).toEqual(['x']);
      if (lane.translatesErrors !== true && lane.fireAndForget !== true && kind !== 'sync') {
        expect(error).toMatchObject({ message: 'lost?', deadLetterId: items[0]?.id });
      }
    });

    it('all: each attempt is judged by the circuit, the fallback sees what is left, nothing becomes a dead letter', async () => {
      open.script.play(new Error('down'));

      const { value } = await outcomeOf(kind, 'all');

      if (lane.fireAndForget !== true) expect(value).toBe('rescued');
      expect(open.script.attempts).toBe(3);
      expect(circuitOf(kind, 'all').snapshot()).toMatchObject({ state: 'closed', failures: 3 });
      expect(open.script.lastRescue?.context.attempts).toBe(3);
      expect((await deadLetters()).items).toHaveLength(0);
    });

    it('all: when the fallback fails too, the dead letter has every attempt and the caller the original error', async () => {
      const last = new Error('still down');
      open.script.play(new Error('down'), new Error('down'), last);
      open.script.rescueFails = true;

      const { error } = await outcomeOf(kind, 'all');

      if (kind === 'sync') await until(() => open.app.get(ResilienceService).metrics().deadLetters.size > 0);
      const { items } = await deadLetters();
      expect(items).toHaveLength(1);
      expect(items[0]?.attempts.map((attempt) => attempt.number)).toEqual([1, 2, 3]);
      expect(items[0]?.fallbacks).toHaveLength(1);
      expect(items[0]?.error.message).toBe('still down');
      if (lane.translatesErrors !== true && lane.fireAndForget !== true) expect(error).toBe(last);
    });

    it('all: a success on the first attempt touches nothing else', async () => {
      open.script.play('ok');

      const { value } = await outcomeOf(kind, 'all');

      if (lane.fireAndForget !== true) expect(value).toBe('x');
      expect(open.script.attempts).toBe(1);
      expect(open.script.rescues).toBe(0);
      expect((await deadLetters()).items).toHaveLength(0);
    });
  });
});
