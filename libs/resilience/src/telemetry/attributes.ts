import type { Attributes } from '@opentelemetry/api';
import type { Labels } from '../engine/figure.js';

/** Names on spans, and on instruments where they have the same, by the conventions of OpenTelemetry. */
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
  /** OpenTelemetry's own: a stable code, else the name of the error's class. */
  errorType: 'error.type',
} as const;

/** Labels that are called otherwise here; any other has `resilience.` before it. */
const BY_LABEL: Readonly<Record<string, string>> = {
  method: ATTRIBUTES.policy,
  level: ATTRIBUTES.fallbackLevel,
  state: 'resilience.circuit.state',
  kind: 'resilience.chaos.kind',
  queue: 'resilience.dead_letter.queue',
  check: 'resilience.health.check',
};

export function attributesOf(labels: Labels): Attributes {
  const attributes: Attributes = {};
  for (const [label, value] of Object.entries(labels)) {
    if (label === 'retry') attributes[ATTRIBUTES.retried] = value === 'with';
    else attributes[BY_LABEL[label] ?? `resilience.${label}`] = value;
  }
  return attributes;
}

/** Low in number, so that it can be an attribute of a metric: the code of our errors and of Node's, or a class name. */
export function errorTypeOf(error: unknown): string {
  try {
    if (!(error instanceof Error)) return typeof error;
    return 'code' in error && typeof error.code === 'string' ? error.code : String(error.name);
  } catch {
    return typeof error;
  }
}
