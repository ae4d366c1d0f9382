import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * `npm run test:mutation`: changes the engine and the policies in every small way and asks the specs which change they notice.
 *
 *   npm run test:mutation -- --mutate 'libs/resilience/src/engine/pipeline.ts'     one file
 *   npm run test:mutation -- --incremental                                        only what changed since the last such run
 */
export default {
  mutate: [
    'libs/resilience/src/{engine,retry,circuit-breaker,timeout}/**/*.ts',
    '!**/*.spec.ts',
    // Applied by Nest only: see test/contract.
    '!**/*.decorator.ts',
    // Nothing runs in these.
    '!**/{index,*.events}.ts',
    '!libs/resilience/src/engine/{attempt,dead-letter-sink,stages}.ts',
    '!libs/resilience/src/circuit-breaker/window/window.ts',
  ],
  testRunner: 'jest',
  jest: { configFile: 'jest.mutation.config.mjs', enableFindRelatedTests: false },
  coverageAnalysis: 'perTest',
  // What runs while a module loads (tables of words, defaults) is not tied to a test, so each such mutant would cost all of them.
  // Defaults are pinned by a spec each and by check:docs.
  ignoreStatic: true,
  concurrency: 2,
  timeoutMS: 10_000,
  thresholds: { high: 95, low: 85, break: 85 },
  reporters: ['clear-text', 'progress-append-only', 'html', 'json'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false, allowEmojis: false },
  htmlReporter: { fileName: 'coverage/mutation/index.html' },
  jsonReporter: { fileName: 'coverage/mutation/report.json' },
  incrementalFile: 'coverage/mutation/incremental.json',
  // Outside of the repository: jest, eslint and tsc must not find a second copy of everything.
  tempDirName: join(tmpdir(), 'nest-resilience-mutation'),
  ignorePatterns: [
    '/bench',
    '/data',
    '/dist',
    '/docs',
    '/examples',
    '/scripts',
    '/src',
    '/test',
    '/workflows',
    '/libs/{llm,store-sql,workflow}',
    '/libs/*/dist',
  ],
  tsconfigFile: 'tsconfig.json',
  allowConsoleColors: false,
};
