'use strict';

/**
 * All specs of the engine and its policies as one: jest loads every module anew for each file, which per mutant would cost more
 * than the tests themselves. What needs Nest cannot be loaded here (see jest.mutation.config.mjs) and is left to `npm test`.
 */
const { readdirSync, readFileSync } = require('node:fs');
const { join, relative } = require('node:path');

const { describe } = require('@jest/globals');
const fc = require('fast-check');

const root = join(__dirname, '..', '..');
const FOLDERS = [
  'src/engine',
  'src/retry',
  'src/circuit-breaker',
  'src/timeout',
  'src/fallback',
  'src/policy',
  'src/bulkhead',
  'src/rate-limit',
  'src/hedge',
  'src/coalesce',
  'src/cache',
  'test/lanes',
  'test/model',
];
const NEEDS_NEST = /from '(?:@nestjs\/testing|(?:\.\.\/)+index\.js')/;
/** Models of what is not mutated. */
const ELSEWHERE = /^src\/(?:bulkhead|rate-limit|hedge|cache)\/.*\.property\.spec\.ts$/;

// The same histories in every run: the score must not depend on chance.
fc.configureGlobal({ seed: 1, numRuns: 50 });
process.env.PROPERTY_RUNS ??= '50';

for (const folder of FOLDERS) {
  for (const file of readdirSync(join(root, folder), { recursive: true }).sort()) {
    const spec = relative(root, join(root, folder, file));
    if (spec.endsWith('.spec.ts') && !ELSEWHERE.test(spec) && __mutation__.wants(spec)) load(spec);
  }
}

function load(spec) {
  const path = join(root, spec);
  if (NEEDS_NEST.test(readFileSync(path, 'utf8'))) return;
  describe(spec, () => {
    require(path);
  });
}
