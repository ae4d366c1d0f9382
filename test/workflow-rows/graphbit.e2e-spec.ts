import { afterEach, describe, expect, it } from '@jest/globals';
import { classifyError, type FailureKind } from '@nest-resilience/core';
import { down, HealthModule, HealthRegistry, up } from '@nest-resilience/core/health';
import { FakeClock } from '@nest-resilience/core/testing';
import { LlmConnectivityChecker, LlmHealthIndicator, LlmModule } from '@nest-resilience/llm';
import { type StepContext, workflow } from '@nest-resilience/workflow';

import { Application, busy, scripted, type Setting, unauthorized } from './application.js';

let app: Application;
const start = async (setting?: Setting): Promise<Application> => (app = await Application.start(setting));
afterEach(() => app?.close());

/** 1, 2, 4 s and nothing by chance. */
const SECONDS = { maxRetries: 3, baseDelay: '1s', jitter: 'none', budget: false } as const;
const health = HealthModule.forRoot({ path: false, circuits: false, eventLoop: false, chaos: false });

describe('GraphBit', () => {
  it('row 1: a retry loop around the whole run goes on after a failed result and after an exception', async () => {
    const results = [{ ok: false }, 'throw', { ok: false }, { ok: true }];
    let before = 0;
    let calls = 0;
    await start({
      definitions: [
        workflow('safe', { retry: SECONDS })
          .node('before', { run: () => ++before })
          .node('fragile', {
            after: 'before',
            expect: 'result.ok',
            run: () => {
              const result = results[calls++];
              if (result === 'throw') throw busy();
              return result;
            },
          }),
      ],
    });

    const ledger = await app.run('safe');

    expect(ledger).toMatchObject({ status: 'succeeded', output: { fragile: { ok: true } } });
    expect({ calls, before }).toEqual({ calls: 4, before: 1 });
    expect(ledger.totals).toMatchObject({ attempts: 5, retries: 3 });
  });

  it('row 2: the basic loop waits 1, 2, 4 s', async () => {
    const call = scripted([busy(), busy(), busy()], 'done');
    await start({ definitions: [workflow('safe', { retry: SECONDS }).node('a', { run: () => call(app.clock) })] });

    await app.run('safe');

    expect(call.at).toEqual([0, 1_000, 3_000, 7_000]);
  });

  it('row 3: at the end the last exception is raised again, and a merely failed result returned', async () => {
    await start({
      definitions: [
        workflow('raises', { retry: { ...SECONDS, maxRetries: 1 } }).node('a', {
          run: () => {
            throw new Error('the last one');
          },
        }),
        workflow('returns').node('a', {
          retry: { ...SECONDS, maxRetries: 1, retryOnResult: (result: { ok: boolean }) => !result.ok },
          run: ({ attempt }) => ({ ok: false, attempt }),
        }),
      ],
    });

    expect(await app.run('raises')).toMatchObject({ status: 'failed', error: { message: 'the last one', node: 'a' } });
    expect(await app.run('returns')).toMatchObject({ status: 'succeeded', output: { a: { ok: false, attempt: 2 } } });
  });

  it('row 4: validator, processor and recovery hand partial results on and flag what a person must see', async () => {
    await start({
      definitions: [
        workflow('tolerant')
          .node('validate', {
            transform: '{ "valid": $exists(input.text), "issues": $exists(input.text) ? [] : ["text is missing"] }',
          })
          .node('process', {
            after: 'validate',
            optional: true,
            run: ({ input }: StepContext) => {
              const { text } = input as { text?: string };
              if (text === undefined) throw new Error('nothing to process');
              return { words: text.split(' ').length };
            },
          })
          .node('recover', {
            after: 'process',
            transform:
              '{ "words": $exists(process) ? process.words : 0, "warnings": $append(validate.issues, [errors.process.message]), "manualReview": $not(validate.valid) }',
          }),
      ],
    });

    const good = await app.run('tolerant', { text: 'a b c' });
    const bad = await app.run('tolerant', {});

    expect(good.output).toEqual({ recover: { words: 3, warnings: [], manualReview: false } });
    expect(bad).toMatchObject({
      status: 'succeeded',
      degraded: true,
      output: { recover: { words: 0, warnings: ['text is missing', 'nothing to process'], manualReview: true } },
    });
  });

  describe('with a circuit of 3 failures, 30 s and a deadline of 60 s around its runs', () => {
    const guarded = async (fails: () => boolean, settings: object = {}) =>
      start({
        definitions: [
          workflow('guarded', {
            circuitBreaker: { failureThreshold: 3, recoveryTimeout: '30s' },
            deadline: '60s',
            deadLetter: false,
          }).node('a', {
            ...settings,
            run: ({ signal }) => {
              if (fails()) throw busy();
              return new Promise((resolve, reject) => {
                const timer = app.clock.setTimer(() => resolve('ok'), 100);
                signal.addEventListener('abort', () => {
                  timer.cancel();
                  reject(signal.reason as Error);
                });
              });
            },
          }),
        ],
      });
    const state = (): string => app.resilience.circuit('workflow:guarded').snapshot().state;

    it('row 5: it is closed, open and half open', async () => {
      let down = true;
      await guarded(() => down);

      for (let run = 0; run < 3; run++) await app.run('guarded');
      expect(state()).toBe('open');
      await (app.clock as FakeClock).advance('30s');
      down = false;
      const probe = await app.workflows.start('guarded', {});
      await (app.clock as FakeClock).advance(10);
      expect(state()).toBe('half_open');
      await app.untilEnd(probe.id);

      expect(state()).toBe('closed');
    });

    it('row 6: it opens at so many failures in a row; a success zeroes them', async () => {
      const script = [true, true, false, true, true];
      await guarded(() => script.shift() ?? true);

      for (let run = 0; run < 5; run++) await app.run('guarded');
      expect(state()).toBe('closed');
      await app.run('guarded');

      expect(state()).toBe('open');
    });

    it('row 7: half open lets one run through, and its failure opens again', async () => {
      let calls = 0;
      await guarded(() => ++calls > 0);
      for (let run = 0; run < 3; run++) await app.run('guarded');
      await (app.clock as FakeClock).advance('30s');

      await app.run('guarded');

      expect({ state: state(), calls }).toEqual({ state: 'open', calls: 4 });
    });

    it('row 8: a rejection names the state', async () => {
      await guarded(() => true);
      for (let run = 0; run < 3; run++) await app.run('guarded');

      const rejected = await app.run('guarded');

      expect(rejected.error).toMatchObject({
        code: 'RESILIENCE_CIRCUIT_OPEN',
        message: expect.stringMatching(/^Circuit 'workflow:guarded' is open; next probe in \d+ ms$/),
      });
      expect(rejected.nodes).toEqual([]);
    });
  });

  it('row 9: a circuit around the executor counts a failed result too, and the duration is measured', async () => {
    await start({
      definitions: [
        workflow('reliable', { circuitBreaker: { failureThreshold: 2 }, deadLetter: false }).node('a', {
          expect: 'result = "good"',
          run: () => new Promise((resolve) => app.clock.setTimer(() => resolve('bad'), 1_500)),
        }),
      ],
    });

    const first = await app.run('reliable');
    await app.run('reliable');

    expect(first.nodes[0]?.attempts).toMatchObject([{ outcome: 'failed', durationMs: 1_500 }]);
    expect(first.error?.code).toBe('RESILIENCE_WORKFLOW_RESULT');
    expect(app.resilience.circuit('workflow:reliable').snapshot().state).toBe('open');
  });

  it('row 10: a wait strategy is a function of the attempt', async () => {
    const call = scripted([busy(), busy(), busy()], 'done');
    const strategy = (retry: number): number => retry * retry * 100;
    await start({
      definitions: [
        workflow('w').node('a', { retry: { ...SECONDS, maxDelay: '1h', strategy }, run: () => call(app.clock) }),
      ],
    });

    await app.run('w');

    expect(call.at).toEqual([0, 100, 500, 1_400]);
  });

  it('row 11: exponential backoff from 1 s doubles up to 60 s', async () => {
    const call = scripted(Array<Error>(8).fill(busy()), 'done');
    const retry = { ...SECONDS, maxRetries: 8, multiplier: 2, maxDelay: '60s' } as const;
    await start({ definitions: [workflow('w').node('a', { retry, run: () => call(app.clock) })] });

    await app.run('w');

    const waits = call.at.slice(1).map((at, index) => (at - (call.at[index] ?? 0)) / 1_000);
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  });

  it('row 12: jitter adds up to a tenth of the delay, and the cap comes last', async () => {
    const call = scripted(Array<Error>(4).fill(busy()), 'done');
    const retry = { ...SECONDS, maxRetries: 4, jitter: 0.1, maxDelay: '8s' };
    await start({ random: () => 0.5, definitions: [workflow('w').node('a', { retry, run: () => call(app.clock) })] });

    await app.run('w');

    const waits = call.at.slice(1).map((at, index) => at - (call.at[index] ?? 0));
    expect(waits).toEqual([1_050, 2_100, 4_200, 8_000]);
  });

  it('row 13: a condition ends the retries at once', async () => {
    let calls = 0;
    await start({
      definitions: [
        workflow('w').node('a', {
          retry: { ...SECONDS, abortOn: ['schema_mismatch'] },
          run: () => {
            calls++;
            throw Object.assign(new Error('no use'), { code: 'schema_mismatch' });
          },
        }),
      ],
    });

    const { status } = await app.run('w');

    expect({ status, calls }).toEqual({ status: 'failed', calls: 1 });
  });

  describe('with named health checks', () => {
    it('row 14: they are registered by name and critical unless told otherwise', async () => {
      await start({ imports: [health] });
      const registry = app.get(HealthRegistry);

      registry.register('database', () => up());
      registry.register('cache', () => up(), { critical: false });

      expect(registry.summary().checks.map(({ name, critical }) => [name, critical])).toEqual([
        ['database', true],
        ['cache', false],
      ]);
    });

    it('row 15: each tells health, duration, time, details or error; a throw is unhealthy', async () => {
      await start({ imports: [health] });
      const registry = app.get(HealthRegistry);
      registry.register('slow', () => new Promise((resolve) => app.clock.setTimer(() => resolve(up({ rows: 3 })), 40)));
      registry.register('broken', () => {
        throw new Error('refused');
      });

      const running = Promise.all([registry.run('slow'), registry.run('broken')]);
      await (app.clock as FakeClock).advance(100);
      await running;

      expect(registry.reports('slow').at(-1)).toMatchObject({
        status: 'up',
        durationMs: 40,
        startedAt: expect.any(Number),
        details: { rows: 3 },
      });
      expect(registry.reports('broken').at(-1)).toMatchObject({
        status: 'down',
        reason: expect.stringContaining('refused'),
      });
    });

    it('row 16: only critical ones decide about the whole', async () => {
      await start({ imports: [health] });
      const registry = app.get(HealthRegistry);
      registry.register('optional', () => down('gone'), { critical: false });
      await registry.run('optional');
      expect(registry.summary().status).toBe('degraded');

      registry.register('needed', () => down('gone'));
      await registry.run('needed');

      expect(registry.summary().status).toBe('error');
    });

    it('row 17: the last result of each and the last 100 reports are kept', async () => {
      await start({ imports: [health] });
      const registry = app.get(HealthRegistry);
      registry.register('busy', () => up());

      for (let run = 0; run < 120; run++) await registry.run('busy');

      expect(registry.reports()).toHaveLength(100);
      expect(registry.summary().checks[0]).toMatchObject({ status: 'up', checkedAt: expect.any(Number) });
    });

    it('row 18: the workflows themselves are a critical check', async () => {
      await start({ imports: [health], definitions: [workflow('w').node('a', { constant: 1 })] });
      const registry = app.get(HealthRegistry);

      registry.register('workflows', () => up({ ...app.workflows.load, known: app.workflows.definitions().length }));
      await registry.run('workflows');

      expect(registry.summary()).toMatchObject({
        status: 'ok',
        checks: [{ name: 'workflows', critical: true, status: 'up', details: { known: 1, running: 0 } }],
      });
    });

    it('row 19: the models are asked for a sign of life, and the last answer is what counts', async () => {
      const offline = { name: 'offline', kind: 'offline', model: 'extractive' } as const;
      await start({ imports: [health, LlmModule.forRoot({ providers: [offline], health: { enabled: false } })] });
      const registry = app.get(HealthRegistry);
      registry.register('llm', () => app.get(LlmHealthIndicator).isHealthy('llm').llm);

      await app.get(LlmConnectivityChecker).run({ force: true });
      await registry.run('llm');

      expect(app.get(LlmConnectivityChecker).last()).toMatchObject([{ provider: 'offline', status: 'up' }]);
      expect(registry.summary().checks[0]).toMatchObject({ name: 'llm', status: 'up' });
    });
  });

  it('row 20: fallback workflows run by priority; when all fail so does the run', async () => {
    const ran: string[] = [];
    const one = (name: string, fails: boolean, settings = {}) =>
      workflow(name, settings).node('a', {
        run: () => {
          ran.push(name);
          if (fails) throw busy();
          return name;
        },
      });
    const fallback = [{ workflow: 'second', priority: 2 }, { workflow: 'first', priority: 1 }, 'zeroth'];
    await start({
      definitions: [
        one('primary', true, { fallback }),
        one('hopeless', true, { fallback: ['zeroth'] }),
        one('zeroth', true),
        one('first', false),
        one('second', false),
      ],
    });

    expect(await app.run('primary')).toMatchObject({ status: 'succeeded', servedBy: 'first', degraded: true });
    expect(ran).toEqual(['primary', 'zeroth', 'first']);
    expect(await app.run('hopeless')).toMatchObject({ status: 'failed', deadLetterId: expect.any(String) });
  });

  it('row 21: three levels of degradation end in upper case', async () => {
    const working = { best: false, basic: false };
    const model =
      (name: 'best' | 'basic') =>
      ({ input }: StepContext) => {
        if (!working[name]) throw busy();
        return { level: name, text: (input as { text: string }).text };
      };
    await start({
      definitions: [
        workflow('degrading')
          .node('best', { run: model('best'), fallback: ['basic', 'emergency'] })
          .node('basic', { run: model('basic') })
          .node('emergency', { transform: '{ "level": "emergency", "text": $uppercase(input.text) }' }),
      ],
    });

    const levels = [];
    for (const change of [{}, { basic: true }, { best: true }]) {
      Object.assign(working, change);
      levels.push((await app.run('degrading', { text: 'hello' })).output);
    }

    expect(levels).toEqual([
      { best: { level: 'emergency', text: 'HELLO' } },
      { best: { level: 'basic', text: 'hello' } },
      { best: { level: 'best', text: 'hello' } },
    ]);
  });

  it('row 22: health gate, then circuit, then retry, then the run; the gate reads the last report and probes nothing', async () => {
    let probes = 0;
    let well = false;
    let calls = 0;
    await start({
      imports: [health],
      definitions: [
        workflow('production', {
          requireHealth: ['llm'],
          circuitBreaker: { failureThreshold: 3, recoveryTimeout: '30s' },
          retry: { ...SECONDS, maxRetries: 1 },
        }).node('a', {
          run: () => {
            if (++calls === 1) throw busy();
            return 'ok';
          },
        }),
      ],
    });
    const registry = app.get(HealthRegistry);
    registry.register('llm', () => (probes++, well ? up() : down('no model answers')), { interval: '1h' });
    await registry.run('llm');
    const before = probes;

    for (let call = 0; call < 3; call++) {
      await expect(app.workflows.start('production', {})).rejects.toMatchObject({
        code: 'RESILIENCE_WORKFLOW_UNHEALTHY',
        reasons: ['llm: no model answers'],
      });
    }
    expect({ probes, calls }).toEqual({ probes: before, calls: 0 });
    well = true;
    await registry.run('llm');

    expect(await app.run('production')).toMatchObject({ status: 'succeeded', totals: { attempts: 2 } });
  });

  it('row 23: an execution has the key it was given, and an id that is made', async () => {
    await start({ definitions: [workflow('w').node('a', { constant: 1 })] });

    const given = await app.workflows.start('w', {}, { idempotencyKey: 'example_prod_run' });
    const again = await app.workflows.start('w', {}, { idempotencyKey: 'example_prod_run' });
    const made = await app.workflows.start('w', {});

    expect(given).toMatchObject({ idempotencyKey: 'example_prod_run', id: again.id });
    expect(made.id).not.toBe(given.id);
  });

  it('row 24: metrics are counted per run, never per attempt, with the state of the circuit', async () => {
    let calls = 0;
    await start({
      definitions: [
        workflow('metered', { circuitBreaker: { failureThreshold: 3 } }).node('a', {
          retry: { ...SECONDS, maxRetries: 3 },
          run: () => {
            if (++calls <= 4 || calls === 6) throw busy();
            return 'ok';
          },
        }),
      ],
    });

    for (let run = 0; run < 3; run++) await app.run('metered');

    expect(await app.workflows.metrics('metered')).toMatchObject({
      total: 3,
      successful: 2,
      failed: 1,
      successRate: 2 / 3,
      retryRate: 2 / 3,
    });
    expect(app.resilience.metrics().circuits['workflow:metered']?.state).toBe('closed');
  });

  it.each<[string, FailureKind]>([
    ['Connection timeout', 'transient'],
    ['network error', 'transient'],
    ['rate limit exceeded', 'transient'],
    ['authentication failed', 'permanent'],
    ['permission denied', 'permanent'],
    ['record not found', 'permanent'],
    ['out of memory', 'system'],
    ['no space left on disk', 'system'],
    ['something odd', 'unknown'],
  ])('row 25: by its words, %p is %s', (message, kind) => {
    expect(classifyError(new Error(message)).kind).toBe(kind);
  });

  it('row 26: fails fast, degrades, is idempotent, times out, cleans up and is watched', async () => {
    const keys: string[] = [];
    let cleaned = 0;
    await start({
      definitions: [
        workflow('principled')
          .node('permanent', {
            retry: SECONDS,
            optional: true,
            run: () => {
              throw unauthorized();
            },
          })
          .node('slow', {
            timeout: '2s',
            retry: { ...SECONDS, maxRetries: 1 },
            fallback: ['simple'],
            run: ({ signal, idempotencyKey }) => {
              keys.push(idempotencyKey);
              return new Promise((_, reject) => {
                signal.addEventListener('abort', () => {
                  cleaned++;
                  reject(signal.reason as Error);
                });
              });
            },
          })
          .node('simple', { constant: 'good enough' }),
      ],
    });

    const ledger = await app.run('principled');

    const [permanent, slow] = ['permanent', 'slow'].map((name) => ledger.nodes.find(({ node }) => node === name));
    expect(permanent).toMatchObject({ status: 'failed', attemptCount: 1 });
    expect(slow).toMatchObject({
      result: 'good enough',
      servedBy: 'simple',
      attempts: [{ outcome: 'timed_out' }, { outcome: 'timed_out' }, {}],
    });
    expect(new Set(keys).size).toBe(1);
    expect(cleaned).toBe(2);
    expect(ledger).toMatchObject({ status: 'succeeded', degraded: true });
  });
});
