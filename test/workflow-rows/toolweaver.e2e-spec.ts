import { afterEach, describe, expect, it } from '@jest/globals';
import { createPolicy, type PolicyOptions } from '@nest-resilience/core';
import type { FakeClock } from '@nest-resilience/core/testing';
import { LlmModule, LlmService } from '@nest-resilience/llm';
import { type HealFailure, type PartialResult, type StepContext, workflow } from '@nest-resilience/workflow';

import { Application, busy, scripted, type Setting, unauthorized } from './application.js';

let app: Application;
const start = async (setting?: Setting): Promise<Application> => (app = await Application.start(setting));
afterEach(() => app?.close());

const EXACT = { jitter: 'none', budget: false } as const;
const status = (code: number): Error => Object.assign(new Error(`answered ${code}`), { status: code });
const waitsOf = (at: readonly number[]): number[] => at.slice(1).map((time, index) => time - (at[index] ?? 0));

describe('ToolWeaver', () => {
  it.each([
    ['a timeout', Object.assign(new Error('late'), { code: 'ETIMEDOUT' }), 4],
    ['a network failure', Object.assign(new Error('gone'), { code: 'ECONNRESET' }), 4],
    ['a rate limit', status(429), 4],
    ['a wrong key', status(401), 1],
    ['invalid input', status(400), 1],
    ['something that is not there', status(404), 1],
  ])('row 27: %s is called so often', async (_, error, calls) => {
    let called = 0;
    const run = (): never => {
      called++;
      throw error;
    };
    await start({ definitions: [workflow('w').node('a', { retry: { ...EXACT, maxRetries: 3 }, run })] });

    await app.run('w');

    expect(called).toBe(calls);
  });

  it('row 28: the delay is base * 2^attempt: 0.1, 0.2, 0.4, 0.8 s', async () => {
    const call = scripted(Array<Error>(4).fill(busy()), 'done');
    const retry = { ...EXACT, maxRetries: 4, baseDelay: '100ms', strategy: 'exponential' } as const;
    await start({ definitions: [workflow('w').node('a', { retry, run: () => call(app.clock) })] });

    await app.run('w');

    expect(waitsOf(call.at)).toEqual([100, 200, 400, 800]);
  });

  it('row 29: five failures in a row open, 60 s later exactly one call tests, and a success in between zeroes', async () => {
    const script = [true, true, true, true, false, true, true, true, true, true];
    let calls = 0;
    await start({
      definitions: [
        workflow('w', { deadLetter: false }).node('a', {
          circuitBreaker: { name: 'api', failureThreshold: 5, recoveryTimeout: '60s' },
          run: () => {
            calls++;
            if (script.shift()) throw busy();
            return new Promise((resolve) => app.clock.setTimer(() => resolve('up'), 500));
          },
        }),
      ],
    });
    const state = (): string => app.resilience.circuit('api').state;

    for (let run = 0; run < 9; run++) await app.run('w');
    expect(state()).toBe('closed');
    await app.run('w');
    expect(state()).toBe('open');
    await (app.clock as FakeClock).advance('60s');
    const before = calls;
    const started = await Promise.all(Array.from({ length: 10 }, () => app.workflows.start('w', {})));
    const ends = await Promise.all(started.map(({ id }) => app.untilEnd(id)));

    expect(calls - before).toBe(1);
    expect(ends.filter((end) => end.status === 'succeeded')).toHaveLength(1);
    expect(state()).toBe('closed');
  });

  it('row 30: the timeout of each attempt grows: 30, 60, 120 s', async () => {
    await start({
      definitions: [
        workflow('w').node('a', {
          timeout: { each: '30s', growth: 2 },
          retry: { ...EXACT, maxRetries: 2, strategy: 'immediate' },
          run: () => new Promise(() => undefined),
        }),
      ],
    });

    const ledger = await app.run('w');

    expect(ledger.nodes[0]?.attempts.map(({ outcome, durationMs }) => [outcome, durationMs])).toEqual([
      ['timed_out', 30_000],
      ['timed_out', 60_000],
      ['timed_out', 120_000],
    ]);
  });

  it('row 31: a 429 is tried again after 1, 2, 4, 8 and 16 s, unless the server says when', async () => {
    const call = scripted(Array<Error>(5).fill(status(429)), 'done');
    const hinted = scripted([Object.assign(status(429), { headers: { 'retry-after': '3' } })], 'done');
    const retry = { ...EXACT, maxRetries: 5, baseDelay: '1s', retryOn: ['rate_limit'] };
    await start({
      definitions: [
        workflow('plain').node('a', { retry, run: () => call(app.clock) }),
        workflow('hinted').node('a', { retry, run: () => hinted(app.clock) }),
      ],
    });

    await app.run('plain');
    await app.run('hinted');

    expect(waitsOf(call.at)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
    expect(waitsOf(hinted.at)).toEqual([3_000]);
  });

  it('row 32: primary, secondary, tertiary; when all fail the node says so, with everything that was tried', async () => {
    const down = new Set(['gpt4']);
    const model = (name: string) => () => {
      if (down.has(name)) throw busy();
      return name;
    };
    await start({
      definitions: [
        workflow('chain')
          .node('gpt4', { run: model('gpt4'), fallback: ['claude', 'ollama'] })
          .node('claude', { run: model('claude') })
          .node('ollama', { run: model('ollama') }),
      ],
    });

    expect(await app.run('chain')).toMatchObject({ output: { gpt4: 'claude' }, nodes: [{ servedBy: 'claude' }] });
    down.add('claude');
    expect(await app.run('chain')).toMatchObject({ output: { gpt4: 'ollama' }, nodes: [{ fallbackLevel: 2 }] });
    down.add('ollama');
    const all = await app.run('chain');

    expect(all).toMatchObject({ status: 'failed', error: { node: 'gpt4' } });
    expect(all.nodes[0]?.attempts.map(({ by }) => by)).toEqual(['gpt4', 'claude', 'ollama']);
  });

  it('row 33: the entries of a chain carry cost and quality, and are tried in their order', async () => {
    await start({
      imports: [
        LlmModule.forRoot({
          providers: [
            {
              name: 'vision',
              kind: 'openai-compatible',
              baseURL: 'http://127.0.0.1:1/v1',
              model: 'big',
              quality: 0.99,
              cost: { inputPerMillion: 10, outputPerMillion: 30 },
            },
            { name: 'local', kind: 'offline', model: 'extractive', quality: 0.5 },
          ],
          retry: false,
          health: { enabled: false },
        }),
      ],
    });

    const answer = await app.get(LlmService).complete({ prompt: 'Summarise this: It rained. It rained again.' });

    expect(answer).toMatchObject({ provider: 'local', fallbackLevel: 1, costUsd: 0 });
    expect(answer.tries.map(({ provider }) => provider)).toEqual(['vision', 'local']);
    expect(app.get(LlmService).targets()).toMatchObject([{ quality: 0.99 }, { quality: 0.5 }]);
  });

  it('row 34: jitter adds up to half of the delay', async () => {
    const call = scripted(Array<Error>(3).fill(busy()), 'done');
    const retry = { budget: false, maxRetries: 3, baseDelay: '1s', jitter: 0.5 } as const;
    await start({ random: () => 0.8, definitions: [workflow('w').node('a', { retry, run: () => call(app.clock) })] });

    await app.run('w');

    expect(waitsOf(call.at)).toEqual([1_400, 2_800, 5_600]);
  });

  it('row 35: it detects, has an agent diagnose resource, error and context, remedies by issue and tries again', async () => {
    const seen: HealFailure[] = [];
    const state = { enhanced: false, recoded: false };
    await start({
      definitions: [
        workflow('receipt').node('ocr', {
          input: { receipt: '$.input.receipt', cleaned: '{{ heal.remedy }}' },
          heal: {
            diagnose: (failure) => {
              seen.push(failure);
              return { issue: failure.round === 1 ? 'image_quality' : 'encoding' };
            },
            remedies: {
              image_quality: () => ((state.enhanced = true), 'enhanced'),
              encoding: () => ((state.recoded = true), 'recoded'),
            },
            rounds: 3,
            baseDelay: '500ms',
          },
          run: ({ input }: StepContext) => {
            if (!state.enhanced) throw new Error('too dark');
            if (!state.recoded) throw new Error('no UTF-8');
            return { at: app.clock.now(), input };
          },
        }),
      ],
    });

    const ledger = await app.run('receipt', { receipt: 'r-1' });

    expect(ledger.output).toEqual({ ocr: { at: 1_500, input: { receipt: 'r-1', cleaned: 'recoded' } } });
    expect(seen).toMatchObject([
      { node: 'ocr', round: 1, input: { receipt: 'r-1' }, error: { message: 'too dark' } },
      { node: 'ocr', round: 2, error: { message: 'no UTF-8' } },
    ]);
    expect(ledger.nodes[0]?.heals).toMatchObject([
      { round: 1, issue: 'image_quality', outcome: 'applied' },
      { round: 2, issue: 'encoding', outcome: 'applied' },
    ]);
    const own = ledger.nodes[0]?.attempts
      .filter(({ by }) => by === 'ocr')
      .map(({ outcome, actions }) => [outcome, actions]);
    expect(own).toEqual([
      ['failed', ['healed', 'retried']],
      ['failed', ['healed', 'retried']],
      ['succeeded', []],
    ]);
  });

  it('row 36: a batch returns its successes, its failures with item and error, and the rate', async () => {
    const failing = new Set(['b']);
    await start({
      definitions: [
        workflow('batch').node('all', {
          deadLetter: true,
          each: {
            items: 'input.items',
            partial: true,
            run: ({ input }: StepContext) => {
              if (failing.has(input as string)) throw new Error(`cannot read ${String(input)}`);
              return String(input).toUpperCase();
            },
          },
        }),
      ],
    });

    const { output, status } = await app.run('batch', { items: ['a', 'b', 'c', 'd'] });

    const all = (output as unknown as { all: PartialResult }).all;
    expect(status).toBe('succeeded');
    expect(all).toMatchObject({
      successes: [{ index: 0, result: 'A' }, { index: 2 }, { index: 3 }],
      failures: [{ index: 1, item: 'b', error: { message: 'cannot read b' }, deadLetterId: expect.any(String) }],
      total: 4,
      successRate: 0.75,
    });
    const id = all.failures[0]!.deadLetterId!;
    expect(await app.deadLetters.redrive(id)).toMatchObject({ status: 'pending' });
    failing.clear();
    expect(await app.deadLetters.redrive(id)).toMatchObject({ status: 'resolved' });
  });

  it('row 37: a policy per tool: retry with 2, 4, 8 s, or no retry and fallback tools', async () => {
    const ocr = scripted(Array<Error>(3).fill(busy()), 'text');
    const vision = scripted(Array<Error>(9).fill(busy()), 'never');
    await start({
      definitions: [
        workflow('tools')
          .node('ocr', { retry: { ...EXACT, maxRetries: 3, baseDelay: '2s' }, run: () => ocr(app.clock) })
          .node('vision', { retry: 0, fallback: ['claude_vision', 'local_ocr'], run: () => vision(app.clock) })
          .node('claude_vision', { run: () => vision(app.clock) })
          .node('local_ocr', { constant: 'read locally' }),
      ],
    });

    const { output } = await app.run('tools');

    expect(output).toEqual({ ocr: 'text', vision: 'read locally' });
    expect(waitsOf(ocr.at)).toEqual([2_000, 4_000, 8_000]);
    expect(vision.at).toHaveLength(2);
  });

  it('row 38: a policy is registered under a name and runs any tool', async () => {
    const call = scripted([busy()], 'done');
    await start({ policies: { vision: { retry: { ...EXACT, maxRetries: 1, strategy: 'immediate' } } } });
    const own: PolicyOptions = { name: 'mine', retry: { ...EXACT, maxRetries: 1, strategy: 'immediate' } };
    const again = scripted([busy()], 'done');

    const outcome = app.resilience.execute('vision', () => call(app.clock));

    expect(await outcome).toBe('done');
    expect(await createPolicy(own).execute(() => again(app.clock))).toBe('done');
  });

  it('row 39: a permanent failure is recorded, and the batch goes on', async () => {
    const done: unknown[] = [];
    await start({
      definitions: [
        workflow('batch').node('all', {
          retry: 3,
          deadLetter: true,
          each: {
            items: '[1..5]',
            partial: true,
            concurrency: 1,
            run: ({ input }: StepContext) => {
              if (input === 2) throw unauthorized();
              done.push(input);
              return input;
            },
          },
        }),
      ],
    });

    const ledger = await app.run('batch');

    expect(done).toEqual([1, 3, 4, 5]);
    expect(ledger.nodes[0]).toMatchObject({ attemptCount: 5, retryCount: 0 });
    expect((await app.deadLetters.list({ queue: 'workflow-items' })).items).toHaveLength(1);
  });

  it('row 40: backs off, caps, logs every failure, has a circuit, a chain, jitter and a retry rate to watch', async () => {
    let calls = 0;
    await start({
      definitions: [
        workflow('dos')
          .node('a', {
            retry: { maxRetries: 4, baseDelay: '1s', maxDelay: '3s', jitter: 'full', budget: false },
            circuitBreaker: { name: 'external', failureThreshold: 5 },
            fallback: ['b'],
            run: () => {
              calls++;
              throw busy();
            },
          })
          .node('b', { constant: 'plan B' }),
      ],
    });

    const ledger = await app.run('dos');

    expect(calls).toBe(5);
    expect(ledger.nodes[0]?.attempts.filter(({ by }) => by === 'a').map(({ error }) => error?.message)).toEqual(
      Array(5).fill('busy'),
    );
    expect(app.resilience.circuit('external').state).toBe('open');
    expect(await app.workflows.metrics('dos')).toMatchObject({ retryRate: 1, fallbackRate: 1, averageAttempts: 6 });
  });

  it('row 41: does not retry at once or without rights, does not forget idempotency, does not hide errors', async () => {
    const keys: string[] = [];
    const call = scripted([busy(), unauthorized()], 'never');
    await start({
      definitions: [
        workflow('donts').node('a', {
          retry: { ...EXACT, maxRetries: 5 },
          run: ({ idempotencyKey }) => {
            keys.push(idempotencyKey);
            return call(app.clock);
          },
        }),
      ],
    });

    const ledger = await app.run('donts');

    expect(waitsOf(call.at)).toEqual([500]);
    expect(new Set(keys)).toEqual(new Set([`${ledger.id}:a`]));
    expect(ledger.error).toMatchObject({ message: 'wrong key', status: 401, kind: 'permanent', reason: 'auth' });
  });

  it('row 42: each call is recorded with name, status, attempts, duration and error; the rates follow', async () => {
    const script = [undefined, busy(), undefined, busy(), busy()];
    await start({
      definitions: [
        workflow('metered', { deadLetter: false }).node('tool', {
          retry: { ...EXACT, maxRetries: 1, baseDelay: '1s' },
          run: () => {
            const error = script.shift();
            if (error) throw error;
            return 'ok';
          },
        }),
      ],
    });

    const ledgers = [];
    for (let run = 0; run < 3; run++) ledgers.push(await app.run('metered'));

    const calls = ledgers.map(({ nodes: [record], startedAt = 0, finishedAt = 0 }) => {
      const seconds = Math.floor((finishedAt - startedAt) / 1_000);
      return [record?.node, record?.status, record?.attemptCount, seconds, record?.error?.message];
    });
    expect(calls).toEqual([
      ['tool', 'succeeded', 1, 0, undefined],
      ['tool', 'succeeded', 2, 1, undefined],
      ['tool', 'failed', 2, 1, 'busy'],
    ]);
    expect(await app.workflows.metrics('metered')).toMatchObject({
      successRate: 2 / 3,
      averageAttempts: 5 / 3,
      retryRate: 2 / 3,
    });
  });
});
