import { fileURLToPath } from 'node:url';

import { base } from './jest.config.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const [, swc] = base.transform['^.+\\.ts$'];

/**
 * The specs that a mutant must survive, for Stryker (`npm run test:mutation`). Compiled to CommonJS, because Stryker starts jest
 * without --experimental-vm-modules; so nothing here can load Nest, which is published as ES modules only.
 */
export default {
  ...base,
  // Jest lists these files for each mutant anew; what they load need not be listed.
  roots: ['<rootDir>/libs/resilience/test/mutation'],
  testMatch: ['<rootDir>/libs/resilience/test/mutation/all.mutation-spec.cjs'],
  testEnvironment: here('libs/resilience/test/mutation/mutation.environment.cjs'),
  runtime: 'jest-runtime',
  injectGlobals: true,
  extensionsToTreatAsEsm: [],
  transform: { '^.+\\.ts$': ['@swc/jest', { ...swc, module: { type: 'commonjs' } }] },
  moduleNameMapper: {
    '^(rxjs|fast-check)$': '<rootDir>/libs/resilience/test/mutation/loaded-once/$1.cjs',
    '^@nestjs/(common|core)$': '<rootDir>/libs/resilience/test/mutation/no-nest.cjs',
    // The one thing that is used of it; the rest would load half the package per mutant.
    '/dead-letter/index\\.js$': '<rootDir>/libs/resilience/src/dead-letter/dead-letter.decorator.ts',
    ...base.moduleNameMapper,
  },
  watchman: false,
};
