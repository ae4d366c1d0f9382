import 'reflect-metadata';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ResilienceService } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';

import { type Lane, type OpenLane, until } from './lane.js';
import { serviceLanes } from './service-lanes.js';
import { methodName, type PolicyName, type ReturnKind } from './subject.js';
import { transportLanes } from './transport-lanes.js';

const clock = new FakeClock();
let open: OpenLane;

interface Outcome {
  readonly value?: unknown;
  readonly error?: unknown;
}

async function outcomeOf(kind: ReturnKind, policy: PolicyName, arg = 'x'): Promise<Outcome> {
  return open.call(kind, policy, arg).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

/** A method that nobody has declared anything of shows with its first call what it returns. */
async function acquaint(kind: ReturnKind, policy: PolicyName): Promise<void> {
  open.script.play('ok');
  await outcomeOf(kind, policy, 'first');
}

function seesErrors(lane: Lane): boolean {
  return lane.translatesErrors !== true && lane.fireAndForget !== true;
}

/** What calls have in common: permits, answers, running calls. The other half of the contract is beside this file. */
describe.each([...serviceLanes, ...transportLanes].filter((lane) => lane.plain !== true))('$name', (lane: Lane) => {
  beforeAll(async () => {
    open = await lane.open(clock);
  });

  beforeEach(async () => {
    // Buckets are full again, what was cached has expired.
    await clock.advance('10m');
  });

  afterAll(() => open.close());

  describe.each([...lane.kinds])('%s', (kind: ReturnKind) => {
    const single = kind === 'promise' || kind === 'undeclared' || kind === 'sync';

    if (kind !== 'sync') {
      it('bulkhead: refuses a call beyond its places, and gives a place back when a call is given up', async () => {
        open.script.play('hang', 'ok');

        const holding = outcomeOf(kind, 'bulkhead');
        await until(() => open.script.attempts === 1);
        const refused = await outcomeOf(kind, 'bulkhead');
        await clock.advance('1s');
        await holding;
        const next = await outcomeOf(kind, 'bulkhead');

        expect(open.script.attempts).toBe(2);
        if (seesErrors(lane)) expect(refused.error).toMatchObject({ code: 'RESILIENCE_BULKHEAD_FULL' });
        if (lane.fireAndForget !== true) expect(next.value).toBe('x');
      });

      it("bulkhead: a call waits its turn, and the wait is not the method's own time", async () => {
        open.script.play('hang', 'hang', 'ok');

        const first = outcomeOf(kind, 'bulkheadQueue');
        await until(() => open.script.attempts === 1);
        await clock.advance(900);
        const second = outcomeOf(kind, 'bulkheadQueue');
        const metrics = (): number => open.app.get(ResilienceService).metrics().methods[target(kind)]?.total ?? 0;
        await clock.advance(100);
        await first;
        await until(() => open.script.attempts === 2);
        const ended = metrics();
        await clock.advance(900);
        const endedBefore = metrics();
        await clock.advance(100);
        await second;

        expect(endedBefore).toBe(ended);
        expect(open.script.attempts).toBe(2);
      });

      it('hedge: a second attempt beside one that hangs answers', async () => {
        await acquaint(kind, 'hedge');
        open.script.play('hang', 'ok');

        const pending = outcomeOf(kind, 'hedge');
        await until(() => open.script.attempts === 1);
        await clock.advance('1s');
        const { value } = await pending;

        if (lane.fireAndForget !== true) expect(value).toBe('x');
        expect(open.script.attempts).toBe(2);
      });
    }

    it('rate limit: refuses what is too much, and lets go on when the time has come', async () => {
      open.script.play('ok');

      await outcomeOf(kind, 'rateLimit');
      await outcomeOf(kind, 'rateLimit');
      const refused = await outcomeOf(kind, 'rateLimit');
      const before = open.script.attempts;
      await clock.advance('30s');
      await outcomeOf(kind, 'rateLimit');

      expect(before).toBe(2);
      expect(open.script.attempts).toBe(3);
      if (seesErrors(lane)) {
        expect(refused.error).toMatchObject({ code: 'RESILIENCE_RATE_LIMITED', retryAfterMs: 30_000 });
      }
    });

    it('chaos: strikes before the method is reached, and a fallback rescues as ever', async () => {
      open.script.play('ok');

      const { value } = await outcomeOf(kind, 'chaos');

      if (lane.fireAndForget !== true) expect(value).toBe('rescued');
      expect(open.script.attempts).toBe(0);
      expect(open.script.rescues).toBe(1);
    });

    // Nobody can read a stream twice, and a handler's stream is Nest's.
    if (lane.withoutArguments !== true && (single || (kind === 'observable' && lane.handler !== true))) {
      it('cache: answers the second call, until it is too old; an old answer beats an error', async () => {
        await acquaint(kind, 'cache');
        open.script.play('ok', new Error('down'));

        const one = await outcomeOf(kind, 'cache', 'same');
        const two = await outcomeOf(kind, 'cache', 'same');
        const after = open.script.attempts;
        await clock.advance('90s');
        const three = await outcomeOf(kind, 'cache', 'same');

        expect(after).toBe(1);
        expect(open.script.attempts).toBe(2);
        if (lane.fireAndForget !== true) expect([one.value, two.value, three.value]).toEqual(['same', 'same', 'same']);
      });
    }

    if (
      lane.handler !== true &&
      lane.withoutArguments !== true &&
      (kind === 'promise' || kind === 'undeclared' || kind === 'observable')
    ) {
      it('coalesce: calls at one time share one, another argument is another call', async () => {
        await acquaint(kind, 'coalesce');
        open.script.play('hang');

        const pending = Promise.all(['a', 'a', 'b', 'a'].map((arg) => outcomeOf(kind, 'coalesce', arg)));
        await until(() => open.script.attempts === 2);
        await clock.advance('1s');
        const outcomes = await pending;

        expect(open.script.attempts).toBe(2);
        if (seesErrors(lane)) {
          const codes = outcomes.map(({ error }) => (error as { code?: string }).code);
          expect(codes).toEqual(Array.from({ length: 4 }, () => 'RESILIENCE_TIMEOUT'));
          expect(outcomes[1]?.error).toBe(outcomes[0]?.error);
        }
      });
    }
  });
});

function target(kind: ReturnKind): string {
  return `${open.className}.${methodName(kind, 'bulkheadQueue')}`;
}
