/** What a protected method costs that answers synchronously. */
import { decorate, startApplication } from './harness/application.mjs';
import { interleave } from './harness/interleave.mjs';
import { atMostOver, report } from './harness/report.mjs';
import { allPolicies } from './peers/ours.mjs';

const BARE = 'bare method';
const OURS = 'ours: all five policies';
const UNDECLARED = 'ours: all five policies, kind not declared';

class Bare {
  get(id) {
    return id;
  }
}
const guarded = () =>
  decorate(
    class {
      get(id) {
        return id;
      }
    },
    'get',
    ...allPolicies(),
  );
const Declared = guarded();
// As TypeScript records it for `get(id: number): number`.
Reflect.defineMetadata('design:returntype', Number, Declared.prototype, 'get');
const Undeclared = guarded();

const application = await startApplication([Declared, Undeclared]);
const bare = new Bare();
const declared = application.get(Declared);
const undeclared = application.get(Undeclared);
const results = await interleave([
  { name: BARE, call: (id) => bare.get(id), sync: true },
  { name: OURS, call: (id) => declared.get(id), sync: true },
  { name: UNDECLARED, call: (id) => undeclared.get(id), sync: true },
]);
await application.close();

report({
  what: 'Synchronous service method',
  unit: 'ns',
  ours: OURS,
  results,
  goals: [
    atMostOver(500, results, OURS, BARE, 'over the bare method'),
    atMostOver(500, results, UNDECLARED, BARE, 'over the bare method, kind not declared'),
  ],
});
