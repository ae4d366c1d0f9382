/**
 * What all replicas together may send to a target, kept outside of this process. None by default: each process counts for itself.
 * Provide one under {@link LLM_SHARED_LIMITS}; whatever it cannot say (a promise of `undefined`) is decided here.
 */
export interface SharedLimits {
  /** Books tokens (or a request) in a bucket that refills evenly within a minute. */
  take(
    target: string,
    tokens: number,
    perMinute: number,
  ): Promise<
    { readonly ok: true; readonly cooldownMs: number } | { readonly ok: false; readonly waitMs: number } | undefined
  >;
  /** Corrects what was booked; may be below 0. */
  settle(target: string, delta: number): void;
  /** Tells the others that a target asked to be left alone. */
  cool(target: string, ms: number): void;
  onCool(listen: (target: string, ms: number) => void): void;
}

/** Of one thing that one replica of many does; nobody to ask means this one. */
export interface ClusterLease {
  lead(name: string, ttlMs: number): Promise<boolean>;
}

/** Injection token of {@link SharedLimits}. */
export const LLM_SHARED_LIMITS = Symbol.for('nest-resilience:llm-shared-limits');

/** Injection token of {@link ClusterLease}, asked under the name `checks` before each round of connectivity checks. */
export const LLM_CLUSTER_LEASE = Symbol.for('nest-resilience:llm-cluster-lease');
