export {
  describeExecutionStore,
  executionRecord,
  held,
  type ExecutionStoreUnderTest,
  nodeRecord,
  type TestApi,
} from './execution-store.contract.js';
export { type SimulationOptions, type SimulationReport, simulateCluster } from './simulation/simulate.js';
export type { PlantedBug } from './simulation/simulated-ledger.js';
