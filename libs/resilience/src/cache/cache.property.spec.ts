import assert from 'node:assert/strict';

import { describe, it } from '@jest/globals';
import fc from 'fast-check';

import { readCacheOptions } from './cache.options.js';
import { CachedResults } from './cached-results.js';

interface Settings {
  readonly ttl: number;
  readonly staleIfError: number;
  readonly maxEntries: number;
}

type Step =
  | { readonly do: 'call' | 'fail'; readonly key: string }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'clear' }
  | { readonly do: 'limit'; readonly maxEntries: number };

/** The same rules as plainly as possible: a list, searched from end to end. What was used last stands last. */
class Model {
  private kept: { readonly key: string; readonly value: number; readonly at: number }[] = [];

  constructor(private settings: Settings) {}

  get keys(): string[] {
    return this.kept.map(({ key }) => key);
  }

  fresh(key: string, now: number): number | undefined {
    const found = this.kept.find((one) => one.key === key);
    if (found === undefined) return undefined;
    const age = now - found.at;
    if (age >= this.settings.ttl + this.settings.staleIfError) this.kept = this.kept.filter((one) => one !== found);
    if (age >= this.settings.ttl) return undefined;
    this.use(key);
    return found.value;
  }

  stale(key: string, now: number): number | undefined {
    const { ttl, staleIfError } = this.settings;
    const found = this.kept.find((one) => one.key === key);
    if (found === undefined || staleIfError === 0 || now - found.at >= ttl + staleIfError) return undefined;
    this.use(key);
    return found.value;
  }

  keep(key: string, value: number, at: number): void {
    this.kept = [...this.kept.filter((one) => one.key !== key), { key, value, at }].slice(-this.settings.maxEntries);
  }

  clear(): void {
    this.kept = [];
  }

  limit(maxEntries: number): void {
    this.settings = { ...this.settings, maxEntries };
    this.kept = this.kept.slice(-maxEntries);
  }

  private use(key: string): void {
    this.kept = [...this.kept.filter((one) => one.key !== key), ...this.kept.filter((one) => one.key === key)];
  }
}

const settings: fc.Arbitrary<Settings> = fc.record({
  ttl: fc.integer({ min: 1, max: 50 }),
  staleIfError: fc.constantFrom(0, 1, 20, 100),
  maxEntries: fc.integer({ min: 1, max: 5 }),
});

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ do: fc.constant('call' as const), key }), weight: 6 },
  { arbitrary: fc.record({ do: fc.constant('fail' as const), key }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 40 }) }), weight: 4 },
  {
    arbitrary: fc.record({ do: fc.constant('limit' as const), maxEntries: fc.integer({ min: 1, max: 5 }) }),
    weight: 1,
  },
  { arbitrary: fc.constant<Step>({ do: 'clear' }), weight: 1 },
);

/** Plays the steps on both and compares every answer. */
function compare(given: Settings, steps: readonly Step[]): void {
  const options = readCacheOptions(given, 'spec');
  const results = new CachedResults('spec', options);
  const model = new Model(given);
  const counted = { hits: 0, stale: 0 };
  let now = 0;
  let values = 0;
  for (const one of steps) {
    if (one.do === 'wait') now += one.ms;
    else if (one.do === 'clear') {
      results.clear();
      model.clear();
    } else if (one.do === 'limit') {
      results.reconfigure({ ...options, maxEntries: one.maxEntries });
      model.limit(one.maxEntries);
    } else {
      const hit = model.fresh(one.key, now);
      assert.equal(results.fresh(one.key, now)?.value, hit);
      if (hit !== undefined) counted.hits++;
      else if (one.do === 'call') {
        values++;
        results.keep(one.key, [values], now);
        model.keep(one.key, values, now);
      } else {
        const stale = model.stale(one.key, now);
        assert.equal(results.staleFor(one.key, now)?.value, stale);
        if (stale !== undefined) counted.stale++;
      }
    }
    assert.equal(results.size, model.keys.length);
  }
  assert.deepEqual({ hits: results.hits, stale: results.stale }, counted);
}

describe('CachedResults', () => {
  it('does what the plain model does, in any history of calls, failures and waits', () => {
    fc.assert(fc.property(settings, fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }), compare), {
      numRuns: Number(process.env['PROPERTY_RUNS'] ?? 1_000),
    });
  });
});
