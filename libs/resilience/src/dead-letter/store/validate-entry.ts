import { DEAD_LETTER_STATUSES, type DeadLetterRecord, type StoredArgs } from '../dead-letter.entry.js';
import { costOfParsing } from '../capture/json-cost.js';

type Check = (value: unknown) => boolean;
type Rule = readonly [check: Check, otherwise: string];

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const REASONS: readonly unknown[] = ['failed', 'rescued', 'shutdown'] satisfies DeadLetterRecord['reason'][];
/** Beside the arguments: fifty attempts with their errors have less. */
const MAX_OTHER_BYTES = 8_388_608;

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

/**
 * The record that a line of an export holds, or what is wrong with it. Nothing is taken over that no entry has.
 * @param maxArgsBytes how large the arguments of a target may be
 */
export function readRecord(line: string, maxArgsBytes: (target: string) => number): DeadLetterRecord | string {
  const cost = costOfParsing(line);
  if (cost !== undefined) return cost;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (problem) {
    return `no JSON: ${(problem as Error).message}`;
  }
  if (!isObject(value)) return 'no JSON object';
  const given = Object.entries(OPTIONAL).filter(([name]) => value[name] !== undefined);
  const rules = [...Object.entries(REQUIRED), ...given];
  const wrong = rules
    .filter(([name, [check]]) => !check(value[name]))
    .map(([name, [, problem]]) => `${name}: ${problem}`);
  if (wrong.length > 0) return wrong.join('; ');
  const fields = Object.fromEntries(rules.map(([name]) => [name, value[name]])) as unknown as DeadLetterRecord;
  const { encoding, json, meta, blob } = fields.args;
  const args: StoredArgs = { encoding, json, ...(meta !== undefined && { meta }), ...(blob !== undefined && { blob }) };
  // Whoever was redriving it does so in the store it came from.
  const record: DeadLetterRecord = {
    ...fields,
    args,
    status: fields.status === 'redriving' ? 'pending' : fields.status,
  };
  return tooLarge(record, line, maxArgsBytes(record.target)) ?? record;
}

/** What nobody could read, nor any page show. */
function tooLarge(
  { args: { blob = '', ...args }, ...others }: DeadLetterRecord,
  line: string,
  max: number,
): string | undefined {
  // Most are shorter as a whole, and need no measuring.
  if (line.length * 3 <= Math.min(max, MAX_OTHER_BYTES)) return undefined;
  const size = Math.max(Buffer.byteLength(JSON.stringify(args)), Math.floor((blob.length * 3) / 4 - GZIP_BYTES));
  if (size > max)
    return `args: ${size} bytes, more than the ${max} that maxBlobBytes of ${others.target} allows; raise it there, or cut them`;
  const rest = Buffer.byteLength(JSON.stringify(others));
  return rest > MAX_OTHER_BYTES ? `${rest} bytes beside the arguments, more than ${MAX_OTHER_BYTES}` : undefined;
}

/** What packing adds to that which cannot be packed. */
const GZIP_BYTES = 65_536;
