export {
  createPolicy,
  type ExecuteOptions,
  type Policy,
  type PolicyFunction,
  type PolicyStream,
} from './create-policy.js';
export type { PolicyEnvironment } from './policy-environment.js';
export {
  type FilePolicyKind,
  type Policies,
  type PolicyLayerName,
  type PolicyOptions,
  policySchemas,
} from './policy.options.js';
