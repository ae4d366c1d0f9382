/** Many replicas of an application: work, circuits and limits shared over Redis or Valkey. */
export { ClusterCircuits } from './circuits/cluster-circuits.js';
export { ClusterConfigurationError } from './cluster.errors.js';
export { ClusterModule, type ClusterModuleAsyncOptions } from './cluster.module.js';
export { type ClusterModuleOptions, DEFAULT_CLUSTER_OPTIONS } from './cluster.options.js';
export { RedisConnection } from './connection/redis.connection.js';
export { ClusterLeases } from './leases/cluster-leases.js';
export { ClusterLimits, type Reservation } from './limits/cluster-limits.js';
