export {
  createPolicy,
  type ExecuteOptions,
  type Policy,
  type PolicyEnvironment,
  type PolicyFunction,
} from './create-policy.js';
export type { PolicyOptions } from './policy.options.js';
