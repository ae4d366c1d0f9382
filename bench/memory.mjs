/** Heap held by idle breakers. Needs `--expose-gc`; `npm run bench` passes it. */
import { CircuitBreaker, createPolicy, ResilienceService } from '@nest-resilience/core';

import { decorate, startApplication } from './harness/application.mjs';
import { atMost, report } from './harness/report.mjs';
import { Results } from './harness/statistics.mjs';
import { idleCockatiels } from './peers/cockatiel.mjs';
import { idleOpossum } from './peers/opossum.mjs';
import { allPolicies } from './peers/ours.mjs';

const INSTANCES = 20_000;
const ROUNDS = 5;
const BREAKER = 'ours: breaker of an application';
const ALONE = 'ours: breaker of createPolicy, with an environment of its own';
const KEY = 'ours: one key of a keyed breaker';
const METHOD = 'ours: a method with all five policies';
const CLASSES = 2_000;
const UNUSED_KEY = 'the key itself, in a Map';

if (globalThis.gc === undefined) throw new Error('Start it as: node --expose-gc bench/memory.mjs');

class Keyed {
  async get(key) {
    return key.length;
  }
}
decorate(Keyed, 'get', CircuitBreaker({ window: 20, key: (key) => key, maxKeys: INSTANCES * ROUNDS * 2 }));

const application = await startApplication([Keyed]);
const keyed = application.get(Keyed);
const service = application.get(ResilienceService);
let keys = 0;
let names = 0;
const nextKey = () => `tenant-${keys++}`;

const makers = {
  [BREAKER]: () => service.policy({ name: `breaker-${names++}`, circuitBreaker: { window: 20 } }),
  [ALONE]: () => createPolicy({ circuitBreaker: { window: 20 } }),
  'opossum: breaker': idleOpossum,
  ...idleCockatiels,
};

const breakers = new Results();
const perKey = new Results();
for (let round = 0; round <= ROUNDS; round++) {
  // The first round is for code and shapes that are made once.
  const add = round === 0 ? () => undefined : (results, name, bytes) => results.add(name, bytes);
  for (const [name, make] of Object.entries(makers)) add(breakers, name, await bytesOf(() => make()));
  const known = new Map();
  add(perKey, UNUSED_KEY, await bytesOf(() => known.set(nextKey(), undefined)));
  known.clear();
  // A key is made by its first call, which also leaves one outcome in its window.
  add(perKey, KEY, await bytesOf(() => keyed.get(nextKey())));
}
await application.close();

const methods = new Results();
const started = [];
for (let round = 0; round <= ROUNDS; round++) {
  const before = await heapUsed();
  await startAndCall(classes());
  const between = await heapUsed();
  await startAndCall(classes(allPolicies));
  const after = await heapUsed();
  // The first round is for code and shapes that are made once.
  if (round > 0) methods.add(METHOD, (after - between - (between - before)) / CLASSES);
}
for (const one of started) await one.close();

report({
  what: 'Memory of one decorated method over one that is not',
  unit: 'B',
  ours: METHOD,
  results: methods,
  goals: [atMost(3_000, methods.median(METHOD), 'one method with all five policies', ' B')],
});
report({
  what: 'Memory of one idle breaker with a count window of 20',
  unit: 'B',
  ours: BREAKER,
  results: breakers,
  goals: [atMost(400, breakers.median(BREAKER), 'one breaker, its policy and name included', ' B')],
});
report({
  what: 'Memory of one key of a keyed breaker with a count window of 20',
  unit: 'B',
  ours: KEY,
  results: perKey,
  goals: [atMost(220, perKey.median(KEY), 'one key, its name included', ' B')],
});

/** A method is made ready by its first call. All stay, so that no round measures what an earlier one gives back. */
async function startAndCall(types) {
  const one = await startApplication(types);
  started.push(one);
  for (const type of types) await one.get(type).get(1);
}

function classes(policies = () => []) {
  return Array.from({ length: CLASSES }, () =>
    decorate(
      class {
        async get(id) {
          return id;
        }
      },
      'get',
      ...policies(),
    ),
  );
}

/** Bytes that stay after making 20,000, divided by as many. */
async function bytesOf(make) {
  const made = new Array(INSTANCES);
  const before = await heapUsed();
  for (let i = 0; i < INSTANCES; i++) made[i] = make();
  for (let i = 0; i < INSTANCES; i++) if (made[i] instanceof Promise) made[i] = await made[i];
  const bytes = ((await heapUsed()) - before) / INSTANCES;
  for (const one of made) one?.shutdown?.();
  return bytes;
}

async function heapUsed() {
  for (let i = 0; i < 2; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return process.memoryUsage().heapUsed;
}
