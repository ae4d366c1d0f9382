/** Whether a call gets dearer when a hundred run at once: a hundred loops await their calls in turn. */
import { startApplication } from './harness/application.mjs';
import { interleave } from './harness/interleave.mjs';
import { atMost, report } from './harness/report.mjs';
import { bare } from './peers/bare.mjs';
import { cockatielFour } from './peers/cockatiel.mjs';
import { opossum } from './peers/opossum.mjs';
import { FIVE, FivePolicies, fivePolicies } from './peers/ours.mjs';

const HUNDRED = `${FIVE}, 100 in flight`;

const application = await startApplication([FivePolicies]);
const other = opossum();
const oneAndHundred = (contender) => [
  contender,
  { ...contender, name: `${contender.name}, 100 in flight`, inFlight: 100 },
];
const results = await interleave([bare(), fivePolicies(application), other, cockatielFour()].flatMap(oneAndHundred));
other.breaker.shutdown();
await application.close();

report({
  what: 'Success path, 100 calls in flight: all five policies',
  unit: 'ns',
  ours: HUNDRED,
  results,
  goals: [atMost(1, results.ratio(HUNDRED, FIVE), 'of one call at a time', 'x')],
});
