import { afterEach, describe, expect, it } from '@jest/globals';
import { type Clock, ResilienceModule, ResilienceService } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import { Test, type TestingModule } from '@nestjs/testing';
import { LlmChain } from '../src/chain/llm-chain.js';
import { createTarget, type LlmTarget } from '../src/chain/llm-target.js';
import { LlmMetrics } from '../src/llm.metrics.js';
import type { LlmPolicyOptions } from '../src/options/policies.options.js';
import type { LlmProviderOptions } from '../src/options/provider.options.js';
import { readLlmOptions } from '../src/options/read-options.js';
import type { ModelAnswer } from '../src/providers/model-call.js';
import type { LlmProvider, ProviderCheck } from '../src/providers/provider.js';

const CALLS_PER_SECOND = 500;
/** Once the circuit is open: it is time that must pass, not calls. */
const CALLS_PER_SECOND_WHILE_OPEN = 50;
const CALLS_PER_TICK = 5;
const LATENCY_MS = 200;
const PROBE_EVERY_MS = 60_000;
const BROWN_OUT_MS = 5_000;
const HEALTHY_MS = 5_000;
const ANSWER: ModelAnswer = {
  content: [{ type: 'text', text: 'Hi' }],
  finishReason: { unified: 'stop', raw: 'stop' },
  usage: {
    inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 1, text: 1, reasoning: 0 },
  },
  warnings: [],
};
const CIRCUIT = 'llm:first:m';

/** The same numbers in every run. */
function seededRandom(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Answers by the clock of the test; a share of its requests fails. */
class UnsteadyProvider implements LlmProvider {
  readonly kind = 'openai-compatible';
  readonly model = 'm';
  errorRate = 0;
  requests = 0;
  private readonly random = seededRandom();

  constructor(
    readonly name: string,
    private readonly clock: Clock,
  ) {}

  generate(): Promise<ModelAnswer> {
    this.requests++;
    const fails = this.random() < this.errorRate;
    return new Promise((resolve, reject) => {
      this.clock.setTimer(() => {
        if (fails) reject(Object.assign(new Error('boom'), { status: 500 }));
        else resolve(ANSWER);
      }, LATENCY_MS);
    });
  }

  stream(): never {
    throw new Error('nobody streams here');
  }

  check(): Promise<ProviderCheck> {
    return Promise.resolve({ kind: 'free' });
  }
}

/** Two providers behind the real chain and the real policies, on a clock that the test moves: minutes pass in moments. */
async function traffic(options: LlmPolicyOptions = {}) {
  const clock = new FakeClock();
  const [first, second] = [new UnsteadyProvider('first', clock), new UnsteadyProvider('second', clock)];
  module = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot({ clock, random: seededRandom() })],
  }).compile();
  const resilience = module.get(ResilienceService);
  const providers = [first, second].map<LlmProviderOptions>(({ name, kind, model }) => ({
    name,
    kind,
    model,
    baseURL: 'http://x',
    ...options,
  }));
  const targets: LlmTarget[] = readLlmOptions({ providers }).targets.map((target, index) =>
    createTarget(target, index === 0 ? first : second, (policy) => resilience.policy(policy), {
      clock,
      random: seededRandom(),
    }),
  );
  const { events } = resilience;
  const chain = new LlmChain({ clock, events, metrics: new LlmMetrics(), heals: 0, tried: () => undefined });
  const counts = { wanted: 0, answered: 0, lost: 0 };
  return {
    clock,
    first,
    second,
    counts,
    circuit: () => resilience.circuit(CIRCUIT).state,
    /** Calls come evenly, whatever becomes of those before them. */
    async run(milliseconds: number, callsPerSecond = CALLS_PER_SECOND): Promise<void> {
      const tickMs = (CALLS_PER_TICK * 1000) / callsPerSecond;
      for (let passed = 0; passed < milliseconds; passed += tickMs) {
        for (let call = 0; call < CALLS_PER_TICK; call++) {
          counts.wanted++;
          chain.generate(targets, { prompt: [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }] }, {}).then(
            () => counts.answered++,
            () => counts.lost++,
          );
        }
        await clock.advance(tickMs);
      }
    },
    /** Lets the calls under way come to their end. */
    settle: () => clock.advance('1m'),
  };
}

let module: TestingModule | undefined;
const figures: string[] = [];

const share = (part: number, whole: number): string => (part / whole).toFixed(3);
const NEVER_OPEN = { circuitBreaker: { minimumCalls: 1_000_000 } } as const;

describe(`a provider's brown-out at ${CALLS_PER_SECOND} calls/s, by the clock of the test`, () => {
  afterEach(async () => {
    await module?.close();
    process.stdout.write(`${figures.splice(0).join('\n')}\n`);
  });

  it.each([
    ['with the defaults', {}, 1.25],
    ['held by the retry budget alone', NEVER_OPEN, 1.25],
  ])('half of the requests fail, %s: at most a quarter more requests than calls', async (what, options, most) => {
    const { first, second, counts, run, settle } = await traffic(options);
    first.errorRate = 0.5;

    await run(BROWN_OUT_MS);
    await settle();

    figures.push(
      `brown-out, 50 % errors, ${what}: ${counts.wanted} calls wanted, ${first.requests} sent to the provider ` +
        `(${share(first.requests, counts.wanted)}), ${second.requests} to the next one, ${counts.answered} answered`,
    );
    expect(first.requests / counts.wanted).toBeLessThanOrEqual(most);
    expect(counts).toMatchObject({ answered: counts.wanted, lost: 0 });
  });

  it('without budget and circuit it would be a storm', async () => {
    const { first, counts, run, settle } = await traffic({ ...NEVER_OPEN, retry: { budget: false } });
    first.errorRate = 0.5;

    await run(BROWN_OUT_MS);
    await settle();

    figures.push(`brown-out, 50 % errors, without budget and circuit: ${share(first.requests, counts.wanted)}`);
    expect(first.requests / counts.wanted).toBeGreaterThan(1.6);
  });

  it('a full outage leaves only probes, and every call is answered by the next provider', async () => {
    const { clock, first, counts, circuit, run, settle } = await traffic();
    await run(HEALTHY_MS);
    first.errorRate = 1;
    const begin = { at: clock.now(), requests: first.requests, wanted: counts.wanted };

    while (circuit() === 'closed') await run(1);
    const openedAfterMs = clock.now() - begin.at;
    const untilOpen = { requests: first.requests - begin.requests, wanted: counts.wanted - begin.wanted };
    // What was on its way when the circuit opened is no new request.
    const shut = first.requests;
    await run(PROBE_EVERY_MS + 1000, CALLS_PER_SECOND_WHILE_OPEN);
    const probes = first.requests - shut;
    await settle();

    figures.push(
      `outage after ${HEALTHY_MS / 1000} s of health: circuit open after ${openedAfterMs} ms, ${untilOpen.requests} requests for ` +
        `${untilOpen.wanted} calls until then, then ${probes} probe in ${PROBE_EVERY_MS / 1000 + 1} s for ` +
        `${counts.wanted - begin.wanted - untilOpen.wanted} calls`,
    );
    expect(openedAfterMs).toBeLessThanOrEqual(300_000);
    expect(untilOpen.requests / untilOpen.wanted).toBeLessThanOrEqual(1.25);
    expect(probes).toBe(1);
    expect(counts).toMatchObject({ answered: counts.wanted, lost: 0 });
  });
});
