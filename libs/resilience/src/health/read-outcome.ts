import { describeValue } from '../engine/errors.js';
import { redactText, redactValue } from '../engine/redaction/index.js';
import { degraded, down, type HealthDetails, type HealthOutcome, up } from './health-outcome.js';

const LONGEST_REASON = 500;

/** Reads what a check resolved with: nothing (up), an outcome, or the result of a Terminus indicator. */
export function readOutcome(answer: unknown): HealthOutcome {
  if (answer === undefined) return up();
  if (typeof answer !== 'object' || answer === null) return unreadable(answer);
  if ('status' in answer && typeof answer.status === 'string') return readStatus(answer) ?? unreadable(answer);
  return readIndicator(Object.entries(answer)) ?? unreadable(answer);
}

/** What a check that threw has found out. */
export function outcomeOfError(error: unknown): HealthOutcome {
  return down(tidy(error instanceof Error ? error.message || error.name : String(error)));
}

function readStatus(answer: {
  status?: unknown;
  reason?: unknown;
  details?: unknown;
  critical?: unknown;
}): HealthOutcome | undefined {
  // Answered over HTTP as they are, often to everybody.
  const details = redactValue(answer.details) as HealthDetails | undefined;
  const reason = tidy(typeof answer.reason === 'string' && answer.reason ? answer.reason : 'the check gave no reason');
  switch (answer.status) {
    case 'up':
      return up(details);
    case 'degraded':
      return degraded(reason, details);
    case 'down':
      return { ...down(reason, details), ...(answer.critical === true && { critical: true }) };
    default:
      return undefined;
  }
}

/** `{ database: { status: 'up', ...details } }`: one or several keys, the worst one decides. */
function readIndicator(entries: [string, unknown][]): HealthOutcome | undefined {
  let worst: HealthOutcome | undefined;
  for (const [key, value] of entries) {
    if (typeof value !== 'object' || value === null || !('status' in value)) return undefined;
    const { status, ...details } = value as { status: unknown; message?: unknown };
    const reason = typeof details.message === 'string' ? details.message : `${key} is ${String(status)}`;
    const outcome = readStatus({ status, reason, details });
    if (outcome === undefined) return undefined;
    if (worst === undefined || SEVERITY[outcome.status] > SEVERITY[worst.status]) worst = outcome;
  }
  return worst;
}

const SEVERITY = { up: 0, degraded: 1, down: 2 } as const;

function unreadable(answer: unknown): HealthOutcome {
  return down(
    `the check resolved with ${describeValue(answer)}, expected nothing, up(), degraded(reason), down(reason) or the result of a Terminus indicator`,
  );
}

/** Drivers like to put their connection string into the message; probes are often open to everybody. Cleaned before it is cut. */
function tidy(reason: string): string {
  const safe = redactText(reason.slice(0, 8 * LONGEST_REASON));
  return safe.length > LONGEST_REASON ? `${safe.slice(0, LONGEST_REASON - 3)}...` : safe;
}
