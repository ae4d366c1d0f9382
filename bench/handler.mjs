/** What a protected handler costs behind Nest's own interceptor machinery, without a socket. */
import { ExternalContextCreator } from '@nestjs/core';

import { decorate, startApplication } from './harness/application.mjs';
import { interleave } from './harness/interleave.mjs';
import { atMostOver, report } from './harness/report.mjs';
import { allPolicies } from './peers/ours.mjs';

const BEFORE = 'bare handler, before any protected one ran';
const BARE = 'bare handler';
const OURS = 'ours: all five policies';

class BareHandler {
  async get(id) {
    return id;
  }
}

class ProtectedHandler {
  async get(id) {
    return id;
  }
}
decorate(ProtectedHandler, 'get', ...allPolicies());

const application = await startApplication([BareHandler, ProtectedHandler]);
const creator = application.get(ExternalContextCreator, { strict: false });
const through = (type) => {
  const instance = application.get(type);
  return creator.create(instance, instance.get, 'get', undefined, undefined, undefined, undefined, undefined, 'http');
};
const bare = through(BareHandler);
const ours = through(ProtectedHandler);

// The mark of a protected handler is an AsyncLocalStorage: on Node 20 the first one slows every promise of the process.
const before = await interleave([{ name: BEFORE, call: (id) => bare(id) }]);
const results = await interleave([
  { name: BARE, call: (id) => bare(id) },
  { name: OURS, call: (id) => ours(id) },
]);
results.byName.set(BEFORE, before.samples(BEFORE));
await application.close();

report({
  what: 'Handler behind the interceptor, one awaited call',
  unit: 'ns',
  ours: OURS,
  results,
  goals: [atMostOver(2500, results, OURS, BARE, 'over the bare handler')],
});
