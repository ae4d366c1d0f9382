import { DEAD_LETTER_STATUSES, type DeadLetterRecord } from './dead-letter.entry.js';
import type { DeadLetterFilter, DeadLetterStore } from './dead-letter.store.js';

export interface ImportReport {
  readonly added: number;
  /** Went into an entry with the same idempotency key. */
  readonly merged: number;
  /** Were there already, by id. */
  readonly known: number;
  /** Lines that hold no entry, counted from 1. The others were imported all the same. */
  readonly refused: readonly { readonly line: number; readonly problem: string }[];
}

/** Every matching entry as one line of JSON with its line end, oldest first. */
export async function* exportLines(store: DeadLetterStore, filter: DeadLetterFilter): AsyncGenerator<string> {
  let cursor: string | undefined;
  do {
    const page = await store.list({ ...filter, order: 'oldest', limit: 200, ...(cursor !== undefined && { cursor }) });
    for (const record of page.items) yield `${JSON.stringify(record)}\n`;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

/** Takes in what {@link exportLines} gave, in chunks of any size. Safe to repeat: known ids stay as they are. */
export async function importLines(
  store: DeadLetterStore,
  source: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
): Promise<ImportReport> {
  const report = { added: 0, merged: 0, known: 0, refused: [] as { line: number; problem: string }[] };
  let line = 0;
  for await (const text of linesOf(source)) {
    line++;
    if (text.trim() === '') continue;
    const read = readRecord(text);
    if (typeof read === 'string') report.refused.push({ line, problem: read });
    else report[(await store.add(read)).outcome]++;
  }
  return report;
}

async function* linesOf(source: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>) {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of source) {
    rest += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

const TEXTS = ['id', 'queue', 'target', 'executionId'] as const;
const NUMBERS = ['occurrences', 'firstFailedAt', 'createdAt', 'updatedAt', 'redrives', 'maxRedrives'] as const;
const LISTS = ['notReplayable', 'redacted', 'attempts', 'fallbacks'] as const;

/** The record of one line, or what is wrong with it. */
function readRecord(text: string): DeadLetterRecord | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `no JSON: ${(error as Error).message}`;
  }
  if (typeof value !== 'object' || value === null) return 'no JSON object';
  const record = value as Record<string, unknown>;
  const wrong = [
    ...TEXTS.filter((name) => typeof record[name] !== 'string' || record[name] === '').map(
      (name) => `${name}: no text`,
    ),
    ...NUMBERS.filter((name) => !Number.isFinite(record[name])).map((name) => `${name}: no number`),
    ...LISTS.filter((name) => !Array.isArray(record[name])).map((name) => `${name}: no list`),
    ...(['args', 'error'] as const).filter((name) => !isObject(record[name])).map((name) => `${name}: no object`),
    ...(typeof record['replayable'] === 'boolean' ? [] : ['replayable: neither true nor false']),
    ...(DEAD_LETTER_STATUSES.includes(record['status'] as never)
      ? []
      : [`status: none of ${DEAD_LETTER_STATUSES.join(', ')}`]),
  ];
  if (wrong.length > 0) return wrong.join('; ');
  const whole = value as DeadLetterRecord;
  // Whoever was redriving it does so in the store it came from.
  return whole.status === 'redriving' ? { ...whole, status: 'pending' } : whole;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
