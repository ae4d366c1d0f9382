export {
  describeExecutionStore,
  executionRecord,
  held,
  type ExecutionStoreUnderTest,
  nodeRecord,
  type TestApi,
} from './execution-store.contract.js';
