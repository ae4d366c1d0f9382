'use strict';

const { TestEnvironment } = require('jest-environment-node');

/** Also of specs that allow themselves hours elsewhere. No test waits for real time, so what takes longer hangs. */
const TEST_TIMEOUT_MS = 2_500;

/** What makes a mutant cheap. */
module.exports = class MutationEnvironment extends TestEnvironment {
  #failed = false;

  constructor(config, context) {
    super(config, context);
    const wanted = config.globalConfig.testNamePattern?.replace(/\\(.)/g, '$1');
    this.global.__mutation__ = {
      /** Loaded once per process instead of once per mutant: see loaded-once. */
      modules: { rxjs: require('rxjs'), 'fast-check': require('fast-check') },
      /** Whether a test of this spec can notice the mutant. */
      wants: (path) => wanted === undefined || wanted.includes(path),
    };
  }

  /** One failed test kills a mutant: what comes after it would only cost time. */
  handleTestEvent({ name, test }) {
    if (name === 'test_start') {
      test.timeout = TEST_TIMEOUT_MS;
      if (this.#failed) test.mode = 'skip';
    }
    if (name === 'test_done' && test.errors.length > 0) this.#failed = true;
  }
};
