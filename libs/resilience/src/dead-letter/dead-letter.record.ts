import { DEAD_LETTER_STATUSES, type DeadLetterRecord } from './dead-letter.entry.js';

type Check = (value: unknown) => boolean;
type Rule = readonly [check: Check, otherwise: string];

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const REASONS: readonly unknown[] = ['failed', 'rescued', 'shutdown'] satisfies DeadLetterRecord['reason'][];
/** Arguments have 200 levels at most, errors ten. */
const MAX_DEPTH = 400;

const isText: Check = (value) => typeof value === 'string' && value !== '';
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isError: Check = (value) =>
  isObject(value) && typeof value['name'] === 'string' && typeof value['message'] === 'string';
const isArgs: Check = (value) =>
  isObject(value) &&
  ['superjson', 'custom'].includes(value['encoding'] as string) &&
  value['json'] !== undefined &&
  (value['blob'] === undefined || typeof value['blob'] === 'string');

const text: Rule = [isText, 'no text'];
const count: Rule = [isCount, 'no whole number >= 0'];
const error: Rule = [isError, 'no error as an export has it'];
const texts: Rule = [
  (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
  'no list of texts',
];
const objects: Rule = [(value) => Array.isArray(value) && value.every(isObject), 'no list of objects'];

const REQUIRED: Readonly<Record<string, Rule>> = {
  id: [(value) => typeof value === 'string' && UUID.test(value), 'no UUID'],
  queue: text,
  target: text,
  executionId: text,
  occurrences: count,
  firstFailedAt: count,
  createdAt: count,
  updatedAt: count,
  redrives: count,
  maxRedrives: count,
  args: [isArgs, 'no arguments as an export has them'],
  error,
  notReplayable: texts,
  redacted: texts,
  attempts: objects,
  fallbacks: objects,
  replayable: [(value) => typeof value === 'boolean', 'neither true nor false'],
  reason: [(value) => REASONS.includes(value), `none of ${REASONS.join(', ')}`],
  status: [(value) => DEAD_LETTER_STATUSES.includes(value as never), `none of ${DEAD_LETTER_STATUSES.join(', ')}`],
};
const OPTIONAL: Readonly<Record<string, Rule>> = {
  traceparent: text,
  idempotencyKey: text,
  note: [(value) => typeof value === 'string', 'no text'],
  closedAt: count,
  lastRedriveAt: count,
  lastRedriveError: error,
};

/** The record that a line of an export holds, or what is wrong with it. Nothing is taken over that no entry has. */
export function readRecord(line: string): DeadLetterRecord | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (problem) {
    return `no JSON: ${(problem as Error).message}`;
  }
  if (!isObject(value)) return 'no JSON object';
  if (isDeeperThan(value, MAX_DEPTH)) return `nested more than ${MAX_DEPTH} levels deep`;
  const given = Object.entries(OPTIONAL).filter(([name]) => value[name] !== undefined);
  const rules = [...Object.entries(REQUIRED), ...given];
  const wrong = rules
    .filter(([name, [check]]) => !check(value[name]))
    .map(([name, [, problem]]) => `${name}: ${problem}`);
  if (wrong.length > 0) return wrong.join('; ');
  const record = Object.fromEntries(rules.map(([name]) => [name, value[name]])) as unknown as DeadLetterRecord;
  // Whoever was redriving it does so in the store it came from.
  return record.status === 'redriving' ? { ...record, status: 'pending' } : record;
}

/** Without recursion, which is what a line nested without end would exhaust. */
function isDeeperThan(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((item): unknown[] => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return false;
}
