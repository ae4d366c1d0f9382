import { base } from './jest.config.mjs';

/** Suites with several replicas, real servers and faults: slow, run one after the other by `npm run test:cluster`. */
export default {
  ...base,
  roots: ['<rootDir>/test/cluster'],
  testRegex: '\\.cluster-spec\\.ts$',
  maxWorkers: 1,
  testTimeout: 300_000,
};
