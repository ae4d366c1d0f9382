export interface CacheStaleUsedEvent {
  readonly policy: string;
  readonly executionId: string;
  /** What the call failed with. */
  readonly error: unknown;
  /** Milliseconds since the value was stored. */
  readonly ageMs: number;
}

export interface CacheEvents {
  'resilience.cache.stale-used': CacheStaleUsedEvent;
}
