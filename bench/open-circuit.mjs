/** What it costs to answer with a constant while the circuit is open. */
import { ResilienceService } from '@nest-resilience/core';

import { startApplication } from './harness/application.mjs';
import { interleave } from './harness/interleave.mjs';
import { atMost, report } from './harness/report.mjs';
import { bare } from './peers/bare.mjs';
import { openCockatiel } from './peers/cockatiel.mjs';
import { openOpossum } from './peers/opossum.mjs';
import { FIVE, FivePolicies, fivePolicies } from './peers/ours.mjs';

const application = await startApplication([FivePolicies]);
const ours = fivePolicies(application);
const circuit = application.get(ResilienceService).circuit('FivePolicies.get');
while (circuit.state !== 'open') await ours.call(-1);
if ((await ours.call(1)) !== 'fallback') throw new Error('An open circuit let a call through');

const other = openOpossum();
const results = await interleave([bare(), ours, other, openCockatiel()]);
other.breaker.shutdown();
await application.close();

report({
  what: 'Open circuit answered by a constant fallback',
  unit: 'ns',
  ours: FIVE,
  results,
  goals: [atMost(600, results.median(FIVE), 'a call', ' ns', results.min(FIVE))],
});
