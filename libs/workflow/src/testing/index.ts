export {
  describeExecutionStore,
  executionRecord,
  type ExecutionStoreUnderTest,
  nodeRecord,
  type TestApi,
} from './execution-store.contract.js';
