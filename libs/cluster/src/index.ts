/** Many replicas of an application: work, circuits and limits shared over Redis or Valkey. */
export {};
