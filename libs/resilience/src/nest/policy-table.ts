import type { PlainValue } from './plain-options.js';
import type { PolicyLayer, PolicyLayerName, PolicyReport } from './policy-report.js';

/** What a person looks for first; the rest is in `ResilienceService.policies()`. */
const SHOWN: Readonly<Record<PolicyLayerName, readonly string[]>> = {
  DeadLetter: ['queue', 'capture', 'rethrow'],
  Fallback: ['targets'],
  Cache: ['name', 'ttl', 'staleIfError', 'key'],
  Coalesce: ['key'],
  TotalTimeout: ['total'],
  Retry: ['maxRetries', 'strategy', 'baseDelay', 'maxElapsed'],
  Hedge: ['delay', 'percentile', 'maxHedges'],
  CircuitBreaker: ['name', 'window', 'recoveryTimeout', 'key'],
  RateLimit: ['name', 'limit', 'interval', 'maxWait', 'key'],
  Bulkhead: ['name', 'maxConcurrent', 'maxQueue', 'queueTimeout'],
  AttemptTimeout: ['each', 'growth', 'firstItem', 'idle'],
  Chaos: ['rate', 'fault', 'latency', 'result', 'until'],
};

/** One line per method, outermost policy first, durations in ms. */
export function policyTable(reports: readonly PolicyReport[]): string {
  const names = reports.map(({ name, declaredIn }) =>
    declaredIn === null || name.startsWith(`${declaredIn}.`) ? name : `${name} (of ${declaredIn})`,
  );
  const width = Math.max(...names.map((name) => name.length));
  const rows = reports.map(({ layers }, index) => `  ${names[index]?.padEnd(width)}  ${layers.map(cell).join(' > ')}`);
  return [`Protected (${reports.length}), outermost policy first, durations in ms:`, ...rows].join('\n');
}

function cell({ policy, source, options }: PolicyLayer): string {
  const values = SHOWN[policy]
    .filter((name) => name in options)
    .map((name) => `${name} ${text(options[name] ?? null)}`);
  const from = source === 'method' ? '' : ` by ${source}`;
  return `${policy}(${values.join(', ')})${from}`;
}

function text(value: PlainValue): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if (isList(value)) return value.map(text).join('|');
  return 'use' in value ? text(value['use'] ?? null) : Object.values(value).map(text).join(' ');
}

function isList(value: object): value is readonly PlainValue[] {
  return Array.isArray(value);
}
