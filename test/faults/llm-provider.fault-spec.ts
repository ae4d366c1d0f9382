import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { ResilienceModule } from '@nest-resilience/core';
import { LlmModule, type LlmProviderOptions, LlmService, LlmStreamInterruptedError } from '@nest-resilience/llm';
import { Test, type TestingModule } from '@nestjs/testing';
import { CAUSES } from '../llm/failure-causes.js';
import type { Mode } from '../llm/failure-table.js';
import { type RawVendor, startRawVendor, type Wire } from '../llm/raw-vendor.js';

const CALLS = 10;
const ROUNDS = Number(process.env['PROVIDER_ROUNDS'] ?? 3);
/** Ten times as much would stay if the bodies of 10 MB did. */
const HEAP_GROWTH_MB = 25;
const SHAPE = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
const ENDLESS_CIRCUIT = { circuitBreaker: { minimumCalls: 1_000_000 } } as const;

/** What a provider on a real socket does to every request; the outcomes are those of docs/llm.md. */
const FAULTS: readonly (readonly [name: string, modes: readonly Mode[], afterText?: true])[] = [
  ['timeout', ['complete', 'stream', 'structured']],
  ['drip', ['complete', 'stream', 'structured']],
  ['too-large', ['complete', 'stream', 'structured']],
  ['cut-body', ['complete', 'structured']],
  ['malformed-body', ['complete', 'stream', 'structured']],
  ['reset', ['complete', 'stream', 'structured']],
  ['absurd-retry-after', ['complete', 'stream', 'structured']],
  ['malformed-event', ['stream']],
  ['cut-before-text', ['stream']],
  ['overloaded-before-text', ['stream']],
  ['cut-after-text', ['stream'], true],
  ['silent-after-text', ['stream'], true],
  ['overloaded-after-text', ['stream'], true],
];

const HERE: typeof CAUSES = {
  'malformed-body': {
    raw: () => (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices": [<html>'),
  },
  reset: { raw: () => (response) => response.socket?.resetAndDestroy() },
  'absurd-retry-after': {
    raw: () => (response) =>
      response.writeHead(429, { 'retry-after': '31536000000' }).end('{"error":{"message":"no"}}'),
  },
};

const cases = FAULTS.flatMap(([name, modes, afterText]) =>
  modes.flatMap((mode) =>
    (['openai', 'anthropic'] as const).map((wire) => [name, wire, mode, afterText === true] as const),
  ),
);

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const heapMb = (): number => {
  collectGarbage();
  return process.memoryUsage().heapUsed / 1024 / 1024;
};

let vendor: RawVendor | undefined;
let module: TestingModule | undefined;
const totals = { calls: 0, requests: 0, servedByNext: 0, interrupted: 0 };

afterEach(async () => {
  await module?.close();
  await vendor?.close();
});

afterAll(() => {
  process.stdout.write(
    `${totals.calls} calls, ${totals.requests} requests to the faulty provider: ${totals.servedByNext} served by the next one, ` +
      `${totals.interrupted} streams interrupted after text, 0 others; no request left open, no rejection unhandled\n`,
  );
});

async function begin(name: string, wire: Wire, mode: Mode): Promise<LlmService> {
  const cause = { ...CAUSES, ...HERE }[name];
  if (cause?.raw === undefined) throw new Error(`nothing brings '${name}' about over a raw socket`);
  vendor = await startRawVendor(cause.raw(wire, mode));
  const faulty: LlmProviderOptions = {
    ...{ name: 'faulty', kind: wire, model: 'm', apiKey: 'k', baseURL: vendor.baseURL },
    ...cause.options,
    retry: { baseDelay: 1, jitter: 'none' },
    ...ENDLESS_CIRCUIT,
  };
  const providers = [faulty, { name: 'offline', kind: 'offline', model: 'extractive' } as const];
  module = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot(), LlmModule.forRoot({ providers, health: { enabled: false } })],
  }).compile();
  await module.init();
  return module.get(LlmService);
}

async function call(llm: LlmService, mode: Mode): Promise<'servedByNext' | 'interrupted'> {
  const prompt = 'Summarise: The cat sat on the mat. It was happy there.';
  try {
    if (mode === 'stream') {
      const stream = llm.stream({ prompt });
      for await (const _text of stream);
      expect((await stream.result).provider).toBe('offline');
    } else {
      const result = await llm.complete({
        prompt,
        ...(mode === 'structured' && { schema: SHAPE, degraded: 'accept' as const }),
      });
      expect(result.provider).toBe('offline');
    }
    return 'servedByNext';
  } catch (error) {
    if (error instanceof LlmStreamInterruptedError) return 'interrupted';
    throw error;
  }
}

// A rejection that nobody handles fails the test in which it happens: jest sees to that.
describe(`a provider that misbehaves on its socket, ${ROUNDS} rounds of ${CALLS} calls at once`, () => {
  it.each(cases)(
    '%s, over the wire of %s, asked to %s: every call ends as documented',
    async (name, wire, mode, afterText) => {
      const llm = await begin(name, wire, mode);
      await call(llm, mode);
      const before = heapMb();

      const outcomes: string[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        outcomes.push(...(await Promise.all(Array.from({ length: CALLS }, () => call(llm, mode)))));
        await vendor?.idle();
      }

      const expected = afterText ? 'interrupted' : 'servedByNext';
      expect(outcomes).toEqual(outcomes.map(() => expected));
      expect(heapMb() - before).toBeLessThan(HEAP_GROWTH_MB);
      totals.calls += outcomes.length;
      totals.requests += vendor?.requests ?? 0;
      totals[expected] += outcomes.length;
    },
  );
});
