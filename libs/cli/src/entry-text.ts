import type { StoredError } from '@nest-resilience/core';
import type { DeadLetterView } from '@nest-resilience/core/admin';
import { plain, type Screen } from './screen.js';
import { dateTime, paintStatus } from './table.js';

/** One entry for people. What it does not have is left out. */
export function entryLines(entry: DeadLetterView, screen: Screen): string[] {
  const fact = (label: string, value: string | number | undefined): string[] =>
    value === undefined || value === '' ? [] : [`${screen.paint('bold', label.padEnd(16))}${plain(String(value))}`];
  const section = (label: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', screen.paint('bold', label), ...lines.map((line) => `  ${line}`)];

  return [
    ...fact('id', entry.id),
    `${screen.paint('bold', 'status'.padEnd(16))}${paintStatus(screen, plain(entry.status))}`,
    ...fact('queue', entry.queue),
    ...fact('target', entry.target),
    ...fact('reason', entry.reason),
    ...fact('first failed', dateTime(entry.firstFailedAt)),
    ...fact('created', dateTime(entry.createdAt)),
    ...fact('closed', entry.closedAt === undefined ? undefined : dateTime(entry.closedAt)),
    ...fact('failed calls', entry.occurrences > 1 ? entry.occurrences : undefined),
    ...fact('redrives', `${entry.redrives} of ${entry.maxRedrives}${lastOf(entry)}`),
    ...fact('execution', entry.executionId),
    ...fact('idempotency key', entry.idempotencyKey),
    ...fact('traceparent', entry.traceparent),
    ...fact('not replayable', entry.replayable ? undefined : entry.notReplayable.join('; ')),
    ...fact('not stored', entry.redacted.join(', ')),
    ...fact('note', entry.note),
    ...section('error', errorLines(entry.error)),
    ...section('last redrive failed with', entry.lastRedriveError ? errorLines(entry.lastRedriveError) : []),
    ...section('attempts', entry.attempts.map(attemptLine)),
    ...section(
      'fallbacks',
      entry.fallbacks.map(({ level, name, error }) => `${level}  ${plain(name)}  ${inShort(error)}`),
    ),
    ...section('arguments', argsLines(entry.args)),
  ];
}

function lastOf({ lastRedriveAt }: DeadLetterView): string {
  return lastRedriveAt === undefined ? '' : `, last ${dateTime(lastRedriveAt)}`;
}

function attemptLine({ number, startedAt, durationMs, error }: DeadLetterView['attempts'][number]): string {
  return `${number}  ${dateTime(startedAt)}  ${Math.round(durationMs)} ms  ${inShort(error)}`;
}

function errorLines({ code, status, cause, errors, ...error }: StoredError): string[] {
  const facts = [
    ...(code === undefined ? [] : [`code ${code}`]),
    ...(status === undefined ? [] : [`status ${status}`]),
  ];
  return [
    `${inShort(error)}${facts.length > 0 ? ` (${plain(facts.join(', '))})` : ''}`,
    ...[...(errors ?? []), ...(cause ? [cause] : [])].flatMap((inner) =>
      errorLines(inner).map((line, index) => (index === 0 ? `caused by ${line}` : `  ${line}`)),
    ),
  ];
}

function inShort(error: Pick<StoredError, 'name' | 'message'> | undefined): string {
  return error ? plain(`${error.name}: ${error.message}`) : 'succeeded';
}

function argsLines(args: unknown): string[] {
  return JSON.stringify(args, undefined, 2).split('\n').map((line) => line.replace(/^( *)(.*)$/s, (_, space: string, rest: string) => space + plain(rest))); // prettier-ignore
}
