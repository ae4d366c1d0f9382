/** What a protected method that returns an Observable costs, from subscription to completion. */
import { Observable, of } from 'rxjs';

import { decorate, startApplication } from './harness/application.mjs';
import { interleave } from './harness/interleave.mjs';
import { atMostOver, report } from './harness/report.mjs';
import { allPolicies } from './peers/ours.mjs';

const BARE = 'bare Observable';
const OURS = 'ours: all five policies';

class Bare {
  watch(id) {
    return of(id);
  }
}

class Protected {
  watch(id) {
    return of(id);
  }
}
// As TypeScript records it for `watch(id: number): Observable<number>`.
Reflect.defineMetadata('design:returntype', Observable, Protected.prototype, 'watch');
decorate(Protected, 'watch', ...allPolicies());

const application = await startApplication([Protected]);
const bare = new Bare();
const ours = application.get(Protected);
const results = await interleave([
  { name: BARE, call: (id) => bare.watch(id).subscribe(), sync: true },
  { name: OURS, call: (id) => ours.watch(id).subscribe(), sync: true },
]);
await application.close();

report({
  what: 'Observable-returning service method, subscribed and completed',
  unit: 'ns',
  ours: OURS,
  results,
  goals: [atMostOver(1500, results, OURS, BARE, 'over the bare method')],
});
