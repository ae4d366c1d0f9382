/** Defines 100 classes, starts an application around them, says how many milliseconds that took. Started by `boot.mjs`. */
import { Retry } from '@nest-resilience/core';

import { decorate, startApplication } from './harness/application.mjs';
import { allPolicies } from './peers/ours.mjs';

const CLASSES = 100;
const METHODS = 10;
const policiesOf = { none: () => [], retry: () => [Retry()], five: allPolicies }[process.argv[2]];

const methods = Array.from({ length: METHODS }, (_, index) => `method${index}`);
const defineClass = new Function(
  `return class { ${methods.map((name) => `async ${name}(id) { return id; }`).join(' ')} };`,
);

const startedAt = performance.now();
const services = Array.from({ length: CLASSES }, (_, index) => {
  const type = defineClass();
  Object.defineProperty(type, 'name', { value: `Service${index}` });
  for (const name of methods) decorate(type, name, ...policiesOf());
  return type;
});
const application = await startApplication(services);
const ms = performance.now() - startedAt;

await application.close();
process.send(ms);
process.disconnect();
