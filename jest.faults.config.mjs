import { base } from './jest.config.mjs';

/** Suites that kill processes and break sockets: slow, run one after the other by `npm run test:faults`. */
export default {
  ...base,
  roots: ['<rootDir>/test/faults'],
  testRegex: '\\.fault-spec\\.ts$',
  maxWorkers: 1,
  testTimeout: 300_000,
};
