/** What the first successful attempt of a protected service method costs: one call at a time, awaited. */
import { ResilienceModule } from '@nest-resilience/core';

import { startApplication } from './harness/application.mjs';
import { interleave } from './harness/interleave.mjs';
import { atMost, atMostOver, report } from './harness/report.mjs';
import { bare, wrapped } from './peers/bare.mjs';
import { cockatielFour, cockatielThree, FOUR } from './peers/cockatiel.mjs';
import { NestjsResilience, nestjsResilience, nestjsResilienceModule } from './peers/nestjs-resilience.mjs';
import { opossum, OPOSSUM } from './peers/opossum.mjs';
import { FIVE, FivePolicies, fivePolicies, RetryAndCircuit, retryAndCircuit, TWO } from './peers/ours.mjs';
import { rxjsPipe } from './peers/rxjs-pipe.mjs';

const application = await startApplication(
  [FivePolicies, RetryAndCircuit, NestjsResilience],
  [ResilienceModule.forRoot(), nestjsResilienceModule()],
);
const other = opossum();
const results = await interleave([
  bare(),
  wrapped(),
  fivePolicies(application),
  retryAndCircuit(application),
  other,
  cockatielThree(),
  cockatielFour(),
  rxjsPipe(),
  nestjsResilience(application),
]);
other.breaker.shutdown();
await application.close();

report({
  what: 'Success path, one awaited call: all five policies',
  unit: 'ns',
  ours: FIVE,
  results,
  goals: [
    atMostOver(300, results, FIVE, 'bare async', 'over the bare async method'),
    atMost(0.4, results.ratio(FIVE, OPOSSUM), 'of opossum', 'x'),
    atMost(0.02, results.ratio(FIVE, FOUR), 'of cockatiel with the same four', 'x'),
  ],
});
report({
  what: 'Success path, one awaited call: Retry and CircuitBreaker only',
  unit: 'ns',
  ours: TWO,
  results,
  goals: [atMostOver(300, results, TWO, 'bare async', 'over the bare async method')],
});
