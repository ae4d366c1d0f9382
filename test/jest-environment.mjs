import { AsyncLocalStorage } from 'node:async_hooks';

import { TestEnvironment } from 'jest-environment-node';

const { prototype } = AsyncLocalStorage;
const { run, enterWith } = prototype;

/**
 * Node's own, without what a suite leaves behind: up to Node 22 every AsyncLocalStorage that was ever entered slows every promise of the
 * process, and the next suites run in the same one.
 */
export default class extends TestEnvironment {
  #entered = new Set();

  async setup() {
    await super.setup();
    const entered = this.#entered;
    prototype.run = function (...args) {
      entered.add(this);
      return run.apply(this, args);
    };
    prototype.enterWith = function (...args) {
      entered.add(this);
      return enterWith.apply(this, args);
    };
  }

  async teardown() {
    Object.assign(prototype, { run, enterWith });
    for (const storage of this.#entered) storage.disable();
    await super.teardown();
  }
}
