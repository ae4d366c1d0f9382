/** Many replicas of an application: work, circuits and limits shared over Redis or Valkey. */
export { ClusterConfigurationError } from './cluster.errors.js';
export { ClusterModule, type ClusterModuleAsyncOptions } from './cluster.module.js';
export { type ClusterModuleOptions, DEFAULT_CLUSTER_OPTIONS } from './cluster.options.js';
export { RedisConnection } from './connection/redis.connection.js';
