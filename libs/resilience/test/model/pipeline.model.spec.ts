import assert from 'node:assert/strict';

import { afterAll, describe, it } from '@jest/globals';
import fc from 'fast-check';

import { CircuitOpenError } from '../../src/circuit-breaker/circuit-breaker.errors.js';
import type { WindowOptions } from '../../src/circuit-breaker/circuit-breaker.options.js';
import type { DeadLetterSink } from '../../src/engine/dead-letter-sink.js';
import type { FallbackContext } from '../../src/fallback/fallback.options.js';
import { createPolicy } from '../../src/policy/index.js';
import type { PolicyOptions } from '../../src/policy/policy.options.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { TimeoutError } from '../../src/timeout/timeout.errors.js';
import {
  type Ending,
  FAR_HINT_MS,
  HINT_MS,
  type KeptCall,
  PipelineModel,
  type PipelineSettings,
  POLICY,
} from './pipeline-model.js';
import { propertyRuns, Tally } from './property-runs.js';

const NO_LIMIT = 2 ** 31 - 1;

/** Multiples of 10, so that the limits below, which are none, never fall on the moment at which something ends by itself. */
const tens = (max: number): fc.Arbitrary<number> => fc.nat(max / 10).map((n) => n * 10);
const sometimes = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

const retries = fc.record({
  maxRetries: fc.nat(5),
  strategy: fc.constantFrom('exponential', 'linear', 'fibonacci', 'constant', 'immediate'),
  baseMs: tens(200),
  maxDelayMs: tens(500),
  maxElapsedMs: sometimes(tens(1_000)),
  rejectsBadValues: fc.boolean(),
  abortsOnNamed: fc.boolean(),
  budgetEmpty: fc.integer({ min: 0, max: 9 }).map((n) => n === 9),
});
const circuits = fc.record({
  window: fc.oneof(
    fc.constant({ type: 'consecutive' as const }),
    fc.record({ type: fc.constant('count' as const), size: fc.integer({ min: 1, max: 6 }) }),
  ),
  failureThreshold: fc.integer({ min: 1, max: 4 }),
  failureRate: fc.constantFrom(0.3, 0.5, 1),
  minimumCalls: fc.integer({ min: 1, max: 4 }),
  slowMs: fc.constant(Infinity),
  slowCallRate: fc.constant(1),
  recoveryMs: tens(600).map((ms) => () => ms),
  halfOpenCalls: fc.integer({ min: 1, max: 2 }),
  successThreshold: fc.integer({ min: 1, max: 3 }),
  halfOpenTimeoutMs: fc.constantFrom(60, 150, 60_000),
  rampUpMs: fc.constant(0),
  ignoresNamed: fc.boolean(),
});
const timeouts = fc.record({
  eachMs: fc.oneof(
    tens(300).map((ms) => ms + 5),
    fc.constant(Infinity),
  ),
  totalMs: fc.oneof(
    tens(900).map((ms) => ms + 1),
    fc.constant(Infinity),
  ),
  growth: fc.constantFrom(1, 3),
});
const settings: fc.Arbitrary<PipelineSettings> = fc
  .record({
    retry: sometimes(retries),
    circuit: sometimes(circuits),
    timeout: sometimes(timeouts),
    fallback: sometimes(
      fc.array(fc.constantFrom('answers', 'throws', 'constant', 'deaf'), { minLength: 1, maxLength: 3 }),
    ),
    deadLetter: sometimes(fc.record({ rethrow: fc.boolean(), rescued: fc.boolean(), stores: fc.boolean() })),
  })
  .map((given) => given as PipelineSettings);
const ending: fc.Arbitrary<Ending> = fc.record({
  kind: fc.oneof(
    { arbitrary: fc.constantFrom('unknown', 'transient'), weight: 6 },
    { arbitrary: fc.constantFrom('good value', 'bad value', 'permanent', 'named', 'hint', 'hang'), weight: 6 },
    { arbitrary: fc.constant('far hint'), weight: 1 },
  ),
  ms: tens(200),
});
const scenarios = fc.array(fc.record({ gapMs: tens(400), script: fc.array(ending, { maxLength: 7 }) }), {
  minLength: 1,
  maxLength: 5,
});
const ways = fc.record({ listens: fc.boolean(), withSignal: fc.boolean() });

/** Without any limit a call that hangs would hang for ever, here and in the model. */
function finite(script: readonly Ending[], { timeout }: PipelineSettings): readonly Ending[] {
  if (timeout !== undefined && Math.min(timeout.eachMs, timeout.totalMs) < Infinity) return script;
  return script.map((one) => (one.kind === 'hang' ? { ...one, kind: 'transient' } : one));
}

function errorOf(kind: Ending['kind']): Error {
  switch (kind) {
    case 'transient':
      return Object.assign(new Error(kind), { status: 503 });
    case 'permanent':
      return Object.assign(new Error(kind), { status: 404 });
    case 'named':
      return new RangeError(kind);
    case 'hint':
    case 'far hint': {
      const ms = kind === 'hint' ? HINT_MS : FAR_HINT_MS;
      return Object.assign(new Error(kind), { status: 429, headers: { 'retry-after-ms': String(ms) } });
    }
    default:
      return new Error(kind);
  }
}

const labelOf = (error: unknown): string => {
  if (error instanceof CircuitOpenError) return 'circuit open';
  if (error instanceof TimeoutError) return `timeout ${error.scope}`;
  return error instanceof Error ? error.message : String(error);
};

function optionsOf({ retry, circuit, timeout, fallback, deadLetter }: PipelineSettings): PolicyOptions {
  const entries = fallback?.map((what, index) => {
    const answer = `fallback ${index + 1}`;
    const use =
      what === 'constant'
        ? { value: answer }
        : async (_context: FallbackContext) => {
            if (what === 'throws') throw new Error(answer);
            return answer;
          };
    return what === 'deaf' ? { use, on: () => false } : { use };
  });
  return {
    name: POLICY,
    ...(retry && {
      retry: {
        maxRetries: retry.maxRetries,
        strategy: retry.strategy,
        baseDelay: retry.baseMs,
        maxDelay: retry.maxDelayMs,
        jitter: 'none',
        ...(retry.maxElapsedMs !== undefined && { maxElapsed: retry.maxElapsedMs }),
        ...(retry.rejectsBadValues && { retryOnResult: (value: string) => value === 'bad value' }),
        ...(retry.abortsOnNamed && { abortOn: RangeError }),
        ...(retry.budgetEmpty && { budget: { ratio: 0, min: 0 } }),
      },
    }),
    ...(circuit && {
      circuitBreaker: {
        window: circuit.window as WindowOptions,
        ...(circuit.window.type === 'consecutive'
          ? { failureThreshold: circuit.failureThreshold }
          : { failureRate: circuit.failureRate, minimumCalls: circuit.minimumCalls }),
        recoveryTimeout: circuit.recoveryMs(1),
        halfOpenCalls: circuit.halfOpenCalls,
        successThreshold: circuit.successThreshold,
        halfOpenTimeout: circuit.halfOpenTimeoutMs,
        ...(circuit.ignoresNamed && { ignoreOn: RangeError }),
      },
    }),
    ...(timeout && {
      timeout: {
        each: timeout.eachMs,
        growth: timeout.growth,
        ...(timeout.totalMs !== Infinity && { total: timeout.totalMs }),
      },
    }),
    ...(entries && { fallback: entries }),
    ...(deadLetter && {
      deadLetter: { rethrow: deadLetter.rethrow, capture: deadLetter.rescued ? 'exhausted' : 'unrecovered' },
    }),
  };
}

/** What an event says beyond who and which call. */
function bare(name: string, payload: object): [string, object] {
  const { policy: _policy, executionId: _id, error: _error, ...rest } = payload as Record<string, unknown>;
  const last = name.slice(name.lastIndexOf('.') + 1);
  if (last === 'used') return [last, { level: rest['level'] }];
  if (last === 'failed') return [last, { errors: (rest['errors'] as unknown[]).map(labelOf) }];
  return [last, rest];
}

/** The real pipeline on a clock that the model moves. */
class Rig {
  readonly clock = new FakeClock();
  readonly events: [string, object][] = [];
  readonly kept: KeptCall[] = [];
  readonly entered: number[] = [];
  private readonly policy;

  constructor(
    settings: PipelineSettings,
    private readonly way: { readonly listens: boolean; readonly withSignal: boolean },
  ) {
    const events = {
      listens: () => way.listens,
      emit: (name: string, payload: object) => void this.events.push(bare(name, payload)),
    };
    const { deadLetter } = settings;
    this.policy = createPolicy({
      ...optionsOf(settings),
      clock: this.clock,
      events,
      ...(deadLetter && { deadLetters: this.sink(deadLetter.stores) }),
    });
  }

  async call(script: readonly Ending[], endsAt: number): Promise<string> {
    let answer = 'nothing yet';
    let used = 0;
    const method = (): Promise<string> => {
      this.entered.push(this.clock.now());
      return this.act(script[used++] ?? { kind: 'good value', ms: 0 });
    };
    this.policy.execute(method, this.way.withSignal ? { signal: new AbortController().signal } : {}).then(
      (value) => (answer = `value: ${value}`),
      (error: unknown) => (answer = `error: ${labelOf(error)}`),
    );
    const ms = endsAt - this.clock.now();
    if (ms > 0) {
      await this.clock.advance(ms - 0.5);
      assert.equal(answer, 'nothing yet', `half a millisecond before ${endsAt}`);
    }
    await this.clock.advance(Math.min(ms, 0.5));
    return answer;
  }

  private act({ kind, ms }: Ending): Promise<string> {
    return new Promise((resolve, reject) => {
      if (kind === 'hang') return;
      const end = (): void => (kind.endsWith('value') ? resolve(kind) : reject(errorOf(kind)));
      if (ms === 0) end();
      else this.clock.setTimer(end, ms);
    });
  }

  private sink(stores: boolean): DeadLetterSink {
    return {
      store: async ({ error, reason, attempts, fallbacks }) => {
        const label = (thrown: unknown): string | undefined => (thrown === undefined ? undefined : labelOf(thrown));
        this.kept.push({
          error: labelOf(error),
          reason: reason as KeptCall['reason'],
          attempts: attempts.map(({ number, durationMs, error: thrown }) => [number, durationMs, label(thrown)]),
          fallbacks: fallbacks.map((one) => [one.level, label(one.error)]),
        });
        return stores ? `id-${this.kept.length}` : undefined;
      },
    };
  }
}

async function keptBy(given: PipelineSettings, script: readonly Ending[]): Promise<[kept: unknown, expected: unknown]> {
  const model = new PipelineModel(given);
  const rig = new Rig(given, { listens: false, withSignal: false });
  await rig.call(script, model.call(0, script).endsAt);
  return [rig.kept, model.kept];
}

describe('The whole pipeline', () => {
  const tally = new Tally('pipeline against its model');
  afterAll(() => tally.print());

  it(
    'does what the plain program does: outcome, calls, waits, events and dead letters',
    async () => {
      await fc.assert(
        fc.asyncProperty(settings, ways, scenarios, async (given, way, calls) => {
          const model = new PipelineModel(given);
          const rig = new Rig(given, way);
          for (const { gapMs, script } of calls) {
            await rig.clock.advance(gapMs);
            const expected = model.call(rig.clock.now(), finite(script, given));
            const answer = await rig.call(finite(script, given), expected.endsAt);
            assert.equal(answer, expected.answer);
            tally.events++;
          }
          assert.deepEqual(rig.entered, model.entered);
          assert.deepEqual(rig.kept, model.kept);
          if (way.listens) assert.deepEqual(rig.events, model.events);
          tally.sequences++;
        }),
        { numRuns: Math.ceil(propertyRuns(1) / 10) },
      );
    },
    NO_LIMIT,
  );

  const retry = {
    maxRetries: 1,
    strategy: 'constant',
    baseMs: 10,
    maxDelayMs: 10,
    maxElapsedMs: undefined,
    rejectsBadValues: true,
    abortsOnNamed: false,
    budgetEmpty: false,
  } as const;

  it('a dead letter also lists a first attempt whose value was not accepted', async () => {
    const deadLetter = { rethrow: true, rescued: false, stores: true };
    const script: Ending[] = [
      { kind: 'bad value', ms: 0 },
      { kind: 'unknown', ms: 0 },
    ];

    const [kept, expected] = await keptBy({ retry, deadLetter }, script);

    assert.deepEqual(kept, expected);
  });

  it('a rescued call is kept with the error that was rescued, also when the total timeout ended a wait', async () => {
    const deadLetter = { rethrow: true, rescued: true, stores: true };
    const timeout = { eachMs: Infinity, totalMs: 5, growth: 1 };

    const [kept, expected] = await keptBy({ retry, timeout, fallback: ['constant'], deadLetter }, [
      { kind: 'unknown', ms: 0 },
    ]);

    assert.deepEqual(kept, expected);
  });
});
