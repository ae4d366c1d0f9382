import { ResilienceError } from '@nest-resilience/core';

/** Redis is there, and will never work as it is set up. It ends the start of the application. */
export class ClusterConfigurationError extends ResilienceError {
  constructor(
    /** Where, without a password. */
    readonly redis: string,
    /** What is wrong. */
    readonly problem: string,
    readonly wayOut: string,
    options?: ErrorOptions,
  ) {
    super(`Redis at ${redis}: ${problem}. ${wayOut}`, 'RESILIENCE_CLUSTER_CONFIGURATION', 'ClusterModule', options);
  }
}
