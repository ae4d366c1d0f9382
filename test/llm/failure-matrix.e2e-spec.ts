import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { classifyError } from '@nest-resilience/core';
import type { LLMock } from '@copilotkit/aimock';
import { z } from 'zod';
import type { LlmResult } from '@nest-resilience/llm';
import { CAUSES } from './failure-causes.js';
import { type DocumentedFailure, documentedFailures, type Mode } from './failure-table.js';
import { type RawVendor, startRawVendor, type Wire } from './raw-vendor.js';
import { MODEL, startTwoVendors, stopVendors, type TwoVendors } from './two-vendors.js';

const SHAPE = z.object({ n: z.number() });
const CALLS = 5;

interface Scene {
  readonly app: TwoVendors;
  readonly standby: LLMock;
  /** Sent to the target that fails. */
  readonly requests: () => number;
  /** One call, read to its end when it is a stream. */
  readonly call: () => Promise<LlmResult>;
}

let app: TwoVendors | undefined;
let raw: RawVendor | undefined;

afterEach(async () => {
  await app?.close();
  await raw?.close();
  [app, raw] = [undefined, undefined];
});

afterAll(stopVendors);

/** A target on `wire` that fails, and behind it the other vendor, which is well. */
async function set({ name }: DocumentedFailure, wire: Wire, mode: Mode): Promise<Scene> {
  const cause = CAUSES[name];
  if (cause === undefined)
    throw new Error(`docs/llm.md has a row '${name}' that no cause in failure-causes.ts makes true`);
  raw = cause.raw && (await startRawVendor(cause.raw(wire, mode)));
  const failing = { priority: 0, ...cause.options, ...(raw && { baseURL: raw.baseURL }) };
  const other = { priority: 1, contextWindow: 200_000 };
  app = await startTwoVendors({
    openai: wire === 'openai' ? failing : other,
    anthropic: wire === 'anthropic' ? failing : other,
  });
  const [vendor, standby] =
    wire === 'openai' ? [app.vendors.openai, app.vendors.anthropic] : [app.vendors.anthropic, app.vendors.openai];
  cause.mock?.(vendor, wire);
  standby.onMessage(/./, { content: mode === 'structured' ? '{"n":1}' : 'All is well' });
  const requests = () => raw?.requests ?? vendor.getRequests().length;
  return { app, standby, requests, call: () => run(app as TwoVendors, mode, cause.abort === true, requests() + 1) };
}

async function run({ llm }: TwoVendors, mode: Mode, abort: boolean, request: number): Promise<LlmResult> {
  const caller = new AbortController();
  if (abort) void raw?.seen(request).then(() => caller.abort());
  const { signal } = caller;
  if (mode === 'complete') return llm.complete({ prompt: 'a story', signal });
  if (mode === 'structured') return llm.complete({ prompt: 'a number', schema: SHAPE, signal });
  const stream = llm.stream({ prompt: 'a story', signal });
  for await (const _text of stream);
  return stream.result;
}

/** The outcomes that the table speaks of. */
function expectOutcome(outcome: string, ended: PromiseSettledResult<LlmResult>, wire: Wire): void {
  const next = wire === 'openai' ? 'anthropic' : 'openai';
  if (ended.status === 'fulfilled') {
    expect([`served by ${ended.value.provider}`, ended.value.fallbackLevel]).toEqual([`served by ${next}`, 1]);
    expect(outcome).toMatch(/^next (larger )?target$/);
  } else if (outcome === "the provider's error") {
    expect([400, 403]).toContain((ended.reason as { statusCode?: number }).statusCode);
  } else if (outcome === "the signal's reason") {
    expect(ended.reason).toMatchObject({ name: 'AbortError' });
  } else {
    expect(ended.reason).toMatchObject({ name: outcome, provider: wire });
  }
}

/** @param callerLeft what nobody but the caller can know of an abort */
function reasonOf(ended: PromiseSettledResult<LlmResult>, callerLeft: boolean): string | undefined {
  if (ended.status === 'fulfilled') return ended.value.tries[0]?.reason;
  return classifyError(ended.reason, Date.now(), callerLeft).reason;
}

const cases = documentedFailures().flatMap((failure) =>
  (['openai', 'anthropic'] as const).flatMap((wire) =>
    failure.modes.map((mode) => [failure.name, wire, mode, failure] as const),
  ),
);

// A rejection that nobody handles fails the test in which it happens: jest sees to that.
describe('the failures of docs/llm.md', () => {
  it('are all that this suite can bring about, at least forty, and thirty of them on both wires in every way of asking', () => {
    const failures = documentedFailures();

    expect(failures.map(({ name }) => name).sort()).toEqual(Object.keys(CAUSES).sort());
    expect(failures.length).toBeGreaterThanOrEqual(40);
    expect(failures.filter(({ modes }) => modes.length === 3).length).toBeGreaterThanOrEqual(30);
  });

  it.each(cases)('%s, over the wire of %s, asked to %s', async (_name, wire, mode, failure) => {
    const { app: running, standby, requests, call } = await set(failure, wire, mode);

    const [first] = await Promise.allSettled([call()]);
    expectOutcome(failure.outcome, first, wire);
    expect(reasonOf(first, failure.name === 'abort')).toBe(failure.reason);
    expect(requests()).toBe(failure.requests);
    const served = failure.outcome.startsWith('next') ? 1 : 0;
    expect(standby.getRequests()).toHaveLength(served);
    if (first.status === 'fulfilled') {
      expect(first.value.attempts).toBe(failure.requests + served);
      expect(first.value.tries.filter(({ provider }) => provider === wire)).toHaveLength(failure.requests);
    }

    for (let more = 1; more < CALLS; more++) await call().catch(() => undefined);
    expect(running.resilience.circuit(`llm:${wire}:${MODEL[wire]}`).state).toBe(failure.circuit);
    const { status, reason } = running.health.isHealthy().llm.providers[wire] ?? {};
    expect([status, reason].filter(Boolean).join(': ')).toBe(failure.health);
  });
});
