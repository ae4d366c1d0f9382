/** The same protection around a method that does real input and output: a file's data by the thread pool, 50 calls in flight. */
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import Opossum from 'opossum';

import { decorate, startApplication } from './harness/application.mjs';
import { interleave } from './harness/interleave.mjs';
import { atMost, report } from './harness/report.mjs';
import { allPolicies } from './peers/ours.mjs';

const OURS = 'ours: all five policies';
const OPOSSUM = 'opossum: breaker, timeout, fallback';
const FILE = fileURLToPath(import.meta.url);

class Files {
  async size() {
    return (await stat(FILE)).size;
  }
}
class Guarded extends Files {
  async size() {
    return (await stat(FILE)).size;
  }
}
decorate(Guarded, 'size', ...allPolicies());

const application = await startApplication([Guarded]);
const ours = application.get(Guarded);
const bare = new Files();
const breaker = new Opossum(() => bare.size(), { timeout: 1000, errorThresholdPercentage: 50, volumeThreshold: 5 });
breaker.fallback(() => 'fallback');
const results = await interleave(
  [
    { name: 'bare async', call: () => bare.size(), inFlight: 50 },
    { name: OURS, call: () => ours.size(), inFlight: 50 },
    { name: OPOSSUM, call: () => breaker.fire(), inFlight: 50 },
  ],
  { rounds: 150 },
);
breaker.shutdown();
await application.close();

report({
  what: 'Real input and output, 50 calls in flight',
  unit: 'ns',
  ours: OURS,
  results,
  goals: [atMost(0.7, results.ratio(OURS, OPOSSUM), 'of opossum', 'x')],
});
