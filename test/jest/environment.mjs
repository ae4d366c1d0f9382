import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';

// In the versions of jest's own environment.
const ofEnvironment = createRequire(import.meta.resolve('jest-environment-node'));
const { ModernFakeTimers } = ofEnvironment('@jest/fake-timers');
const { ModuleMocker } = ofEnvironment('jest-mock');

const { prototype } = AsyncLocalStorage;
const { run, enterWith } = prototype;

/** The process itself, see `runtime.mjs`. What a suite leaves behind in it is taken back: the next suites run in the same one. */
export default class {
  global = globalThis;
  moduleMocker = new ModuleMocker(globalThis);
  #entered = new Set();
  #conditions;
  #globals = new Set(Reflect.ownKeys(globalThis));
  #listeners = new Set(listeners().map(([, listener]) => listener));
  #env = { ...process.env };
  #before = { console: globalThis.console, exit: process.exit, exitCode: process.exitCode };

  constructor({ projectConfig }) {
    this.fakeTimersModern = new ModernFakeTimers({ config: projectConfig, global: globalThis });
    this.#conditions = projectConfig.testEnvironmentOptions.customExportConditions;
  }

  setup() {
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

  teardown() {
    Object.assign(prototype, { run, enterWith });
    // Up to Node 22 every one that was ever entered slows every promise of the process.
    for (const storage of this.#entered) storage.disable();
    this.fakeTimersModern.dispose();
    const { console, exit, exitCode } = this.#before;
    globalThis.console = console;
    Object.assign(process, { exit, exitCode });
    for (const key of Reflect.ownKeys(globalThis)) if (!this.#globals.has(key)) Reflect.deleteProperty(globalThis, key);
    for (const name of Object.keys(process.env)) if (!(name in this.#env)) delete process.env[name];
    Object.assign(process.env, this.#env);
    for (const [name, listener] of listeners())
      if (!this.#listeners.has(listener)) process.removeListener(name, listener);
  }

  exportConditions() {
    return this.#conditions;
  }

  /** None. */
  getVmContext() {}
}

function listeners() {
  return process.eventNames().flatMap((name) => process.rawListeners(name).map((listener) => [name, listener]));
}
