/** What a protected handler costs behind Nest's own interceptor machinery, without a socket. */
import { Injectable, UseInterceptors } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';

import { decorate, startApplication } from './harness/application.mjs';
import { interleave } from './harness/interleave.mjs';
import { atMostOver, report } from './harness/report.mjs';
import { allPolicies } from './peers/ours.mjs';

const BEFORE = 'bare handler, before any protected one ran';
const BARE = 'bare handler';
const PASSING = 'an interceptor that does nothing';
const OURS = 'ours: all five policies';

class BareHandler {
  async get(id) {
    return id;
  }
}

class Passing {
  intercept(_context, next) {
    return next.handle();
  }
}
Injectable()(Passing);

class PassedHandler {
  async get(id) {
    return id;
  }
}
decorate(PassedHandler, 'get', UseInterceptors(Passing));

class ProtectedHandler {
  async get(id) {
    return id;
  }
}
decorate(ProtectedHandler, 'get', ...allPolicies());

const application = await startApplication([BareHandler, PassedHandler, ProtectedHandler]);
const creator = application.get(ExternalContextCreator, { strict: false });
const through = (type) => {
  const instance = application.get(type);
  return creator.create(instance, instance.get, 'get', undefined, undefined, undefined, undefined, undefined, 'http');
};
const bare = through(BareHandler);
const passing = through(PassedHandler);
const ours = through(ProtectedHandler);

// The mark of a protected handler is an AsyncLocalStorage: on Node 20 the first one slows every promise of the process.
const before = await interleave([{ name: BEFORE, call: (id) => bare(id) }]);
const results = await interleave([
  { name: BARE, call: (id) => bare(id) },
  { name: PASSING, call: (id) => passing(id) },
  { name: OURS, call: (id) => ours(id) },
]);
results.byName.set(BEFORE, before.samples(BEFORE));
await application.close();

report({
  what: 'Handler behind the interceptor, one awaited call',
  unit: 'ns',
  ours: OURS,
  results,
  goals: [
    atMostOver(2500, results, OURS, BARE, 'over the bare handler'),
    // What of it is ours: Nest itself takes several microseconds for any interceptor.
    atMostOver(2500, results, OURS, PASSING, 'over an interceptor that does nothing'),
  ],
});
