export interface FallbackUsedEvent {
  readonly policy: string;
  readonly executionId: string;
  /** From 1. */
  readonly level: number;
  /** Method or function name, `'value'` for a constant. */
  readonly name: string;
  /** What the protected method failed with. */
  readonly error: unknown;
}

export interface FallbackFailedEvent {
  readonly policy: string;
  readonly executionId: string;
  readonly error: unknown;
  /** What each fallback threw, by level. */
  readonly errors: readonly unknown[];
}

export interface FallbackEvents {
  'resilience.fallback.used': FallbackUsedEvent;
  'resilience.fallback.failed': FallbackFailedEvent;
}
