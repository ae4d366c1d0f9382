/** What a keyed breaker costs over one without keys, as the number of keys grows. */
import { CircuitBreaker } from '@nest-resilience/core';

import { decorate, startApplication } from './harness/application.mjs';
import { interleave } from './harness/interleave.mjs';
import { atMostOver, report } from './harness/report.mjs';

const COUNTS = [1_000, 10_000, 100_000];
const ONE = 'ours: one circuit';
const nameOf = (count) => `ours: ${count.toLocaleString('en')} keys`;

class Service {
  async get(key) {
    return key;
  }
}
const make = (options) =>
  decorate(
    class extends Service {
      async get(key) {
        return key;
      }
    },
    'get',
    CircuitBreaker({ window: 20, ...options }),
  );

const single = make({});
const keyed = COUNTS.map((maxKeys) => make({ key: (key) => key, maxKeys }));
const application = await startApplication([single, ...keyed]);
const contenders = [single, ...keyed].map((type, index) => {
  const service = application.get(type);
  // Not one after the other: neighbours in the calls are not neighbours in memory.
  const count = COUNTS[index - 1] ?? 1;
  const keys = Array.from({ length: count }, (_, key) => `tenant-${(key * 7919) % count}`);
  return { name: index === 0 ? ONE : nameOf(count), call: (i) => service.get(keys[i % count]), keys, service };
});
for (const { keys, service } of contenders) for (const key of keys) await service.get(key);
let next = 0;
const results = await interleave(contenders.map(({ name, call }) => ({ name, call: () => call(next++) })));
await application.close();

report({
  what: 'Call of a keyed breaker',
  unit: 'ns',
  ours: nameOf(10_000),
  results,
  goals: [atMostOver(150, results, nameOf(10_000), ONE, 'over one without keys')],
});
