import type { ResolvedChaosOptions } from './chaos.options.js';

/** One line for the log at boot, so that chaos is never forgotten. */
export function chaosNotice(policy: string, { rate, disturbance, enabled, until }: ResolvedChaosOptions): string {
  const percent = Number((rate * 100).toFixed(2));
  const when = typeof enabled === 'function' ? ' while its enabled() says so' : '';
  const end = until === undefined ? '' : `, until ${new Date(until).toISOString()}`;
  return `Chaos is on for ${policy}: ${percent} % ${WORDS[disturbance.kind]}${amount(disturbance)}${when}${end}`;
}

const WORDS = { fault: 'faults', latency: 'latency', result: 'made-up results' } as const;

function amount(disturbance: ResolvedChaosOptions['disturbance']): string {
  if (disturbance.kind !== 'latency') return '';
  const { min, max } = disturbance;
  return ` of ${min === max ? min : `${min} to ${max}`} ms`;
}
