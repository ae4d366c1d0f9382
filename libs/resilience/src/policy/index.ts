export { createPolicy, type ExecuteOptions, type Policy, type PolicyFunction } from './create-policy.js';
export type { PolicyEnvironment } from './policy-environment.js';
export { type Policies, type PolicyOptions, policySchema } from './policy.options.js';
