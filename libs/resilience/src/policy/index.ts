export { createPolicy, type ExecuteOptions, type Policy, type PolicyFunction } from './create-policy.js';
export type { PolicyEnvironment } from './policy-environment.js';
export type { Policies, PolicyOptions } from './policy.options.js';
