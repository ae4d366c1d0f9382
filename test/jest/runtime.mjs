import { createRequire, isBuiltin } from 'node:module';
import { pathToFileURL } from 'node:url';
import { SyntheticModule } from 'node:vm';

const ofJest = createRequire(createRequire(import.meta.resolve('jest')).resolve('@jest/core'));
const { default: Runtime } = ofJest('jest-runtime');

/** What Node has loaded for this worker, by name or path. */
const loaded = new Map();

/**
 * Jest's own without a context of its own: a suite runs in the plain process, as our users' code does. Only our sources are loaded anew for each
 * suite; Node's modules and those of node_modules are loaded by Node, once per worker. In a context, each look at a global such as
 * `Promise` takes 300 ns, `instanceof Error` fails for errors of Node, and every suite compiles Nest again, which takes longer than most suites.
 */
export default class extends Runtime {
  constructor(...args) {
    super(...args);
    const { esmLoader, coreModule } = this;
    const { loadEsmModule, loadCjsAsEsm } = esmLoader;
    esmLoader.getContext = () => undefined;
    esmLoader.loadEsmModule = (path, ...rest) =>
      isOurs(path) ? loadEsmModule.call(esmLoader, path, ...rest) : byNode(path);
    esmLoader.loadCjsAsEsm = (from, path, ...rest) =>
      isOurs(path) ? loadCjsAsEsm.call(esmLoader, from, path, ...rest) : byNode(path);
    coreModule.require = createRequire(import.meta.url);
    // Else newer versions of Node take another way through the loader.
    this._resolution.hasDistinctAsyncResolver = () => true;
  }

  requireModuleOrMock(from, name) {
    return createRequire(from)(name);
  }

  requireInternalModule(from, name = from) {
    const require = createRequire(from);
    // It holds the tests of one suite.
    if (name.includes('jestAdapterInit')) delete require.cache[name];
    return require(name);
  }
}

function isOurs(path) {
  return !isBuiltin(path) && !path.includes('/node_modules/');
}

function byNode(path) {
  const known = loaded.get(path) ?? load(path);
  loaded.set(path, known);
  return known;
}

async function load(path) {
  const exports = await import(isBuiltin(path) ? path : pathToFileURL(path).href);
  const module = new SyntheticModule(
    Object.keys(exports),
    () => Object.entries(exports).forEach(([name, value]) => module.setExport(name, value)),
    { identifier: path },
  );
  await module.link(() => undefined);
  await module.evaluate();
  return module;
}
