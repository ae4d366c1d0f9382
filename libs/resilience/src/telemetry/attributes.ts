/** Names that spans and instruments share, by the conventions of OpenTelemetry. */
export const ATTRIBUTES = {
  /** `Class.method`, or the name of the policy. */
  policy: 'resilience.policy',
  /** `successful`, `failed` or `cancelled`. */
  outcome: 'resilience.outcome',
  /** Whether the method was entered more than once. */
  retried: 'resilience.retried',
  /** Times the method was entered. */
  attempts: 'resilience.attempts',
  /** From 1. */
  attemptNumber: 'resilience.attempt.number',
  /** `method`, `fallback`, `cache` or `shared`. */
  answeredBy: 'resilience.answered_by',
  /** From 1. */
  fallbackLevel: 'resilience.fallback.level',
  circuit: 'resilience.circuit',
  circuitState: 'resilience.circuit.state',
  /** `fault`, `latency` or `result`. */
  disturbance: 'resilience.chaos.kind',
  bulkhead: 'resilience.bulkhead',
  rateLimit: 'resilience.rate_limit',
  queue: 'resilience.dead_letter.queue',
  check: 'resilience.health.check',
  /** OpenTelemetry's own: a stable code, else the name of the error's class. */
  errorType: 'error.type',
} as const;

/** Low in number, so that it can be an attribute of a metric: the code of our errors and of Node's, or a class name. */
export function errorTypeOf(error: unknown): string {
  try {
    if (!(error instanceof Error)) return typeof error;
    return 'code' in error && typeof error.code === 'string' ? error.code : String(error.name);
  } catch {
    return typeof error;
  }
}
