/** What a protected handler costs behind Nest's own router, pipes and interceptors, without a socket. */
import { Controller, Get, Injectable, Param, UseInterceptors } from '@nestjs/common';

import { decorate, startRoutes } from './harness/application.mjs';
import { interleave } from './harness/interleave.mjs';
import { atMostOver, report } from './harness/report.mjs';
import { allPolicies } from './peers/ours.mjs';

const BARE = 'bare handler';
const PASSING = 'an interceptor that does nothing';
const OURS = 'ours: all five policies';

class Passing {
  intercept(_context, next) {
    return next.handle();
  }
}
Injectable()(Passing);

const controllers = { bare: [], passing: [UseInterceptors(Passing)], ours: allPolicies() };
const classes = Object.entries(controllers).map(([path, decorators]) => {
  const type = {
    [path]: class {
      async get(id) {
        return id;
      }
    },
  }[path];
  Param('id')(type.prototype, 'get', 0);
  decorate(type, 'get', Get(':id'), ...decorators);
  Controller(path)(type);
  return type;
});

const application = await startRoutes(classes);
const { stack } = application.getHttpAdapter().getInstance().router;

/** As much of a response as Nest touches; the call ends when its handler has answered. */
class Response {
  writableFinished = false;
  destroyed = false;
  status() {
    return this;
  }
  send() {
    return this;
  }
  getHeader() {
    return undefined;
  }
  writeHead() {
    return this;
  }
  once() {
    return this;
  }
}

function through(path) {
  const { route } = stack.find((layer) => layer.route?.path === `/${path}/:id`);
  const [{ handle }] = route.stack;
  return (id) => handle({ params: { id } }, new Response(), undefined);
}
const [bare, passing, ours] = ['bare', 'passing', 'ours'].map(through);

const results = await interleave([
  { name: BARE, call: (id) => bare(id) },
  { name: PASSING, call: (id) => passing(id) },
  { name: OURS, call: (id) => ours(id) },
]);
await application.close();

report({
  what: 'Handler behind the interceptor, one awaited call',
  unit: 'ns',
  ours: OURS,
  results,
  goals: [
    // Nest itself takes several microseconds for any interceptor, so that is what ours is measured against.
    atMostOver(500, results, OURS, PASSING, 'over an interceptor that does nothing'),
  ],
});
