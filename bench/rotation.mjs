/**
 * 200 different decorated methods called in turn, as a real application does it: 20 classes, mixed windows and timeouts, half of them with
 * fallbacks. What one method teaches the compiler no longer fits the next.
 */
import { startApplication } from './harness/application.mjs';
import { interleave } from './harness/interleave.mjs';
import { atMost, report } from './harness/report.mjs';
import { bareRotation, cockatielRotation, opossumRotation, ourRotation, rotationClasses } from './peers/rotation.mjs';

const OURS = 'ours: Retry, CircuitBreaker, Timeout, Fallback, DeadLetter';

const classes = rotationClasses();
const application = await startApplication(classes);
const [opossum, cockatiel] = [opossumRotation(), cockatielRotation()];
const results = await interleave([
  { name: 'bare async', call: bareRotation() },
  { name: OURS, call: ourRotation(application, classes) },
  opossum,
  cockatiel,
]);
opossum.stop();
await application.close();

report({
  what: 'Success path, 200 methods in rotation',
  unit: 'ns',
  ours: OURS,
  results,
  goals: [
    atMost(0.35, results.ratio(OURS, opossum.name), 'of opossum', 'x'),
    atMost(0.02, results.ratio(OURS, cockatiel.name), 'of cockatiel', 'x'),
  ],
});
