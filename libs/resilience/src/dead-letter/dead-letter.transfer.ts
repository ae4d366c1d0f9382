import type { DeadLetterRecord } from './dead-letter.entry.js';
import { readRecord } from './dead-letter.record.js';
import type { DeadLetterFilter, DeadLetterStore } from './dead-letter.store.js';
import { messageOf } from '../engine/foreign-error.js';

export interface ImportReport {
  readonly added: number;
  /** Went into an entry with the same idempotency key. */
  readonly merged: number;
  /** Were there already, by id. */
  readonly known: number;
  /** How many lines held no entry, or one that the store refuses. The others were imported all the same. */
  readonly refusedLines: number;
  /** The first 1,000 of them, counted from 1, with what is wrong. */
  readonly refused: readonly { readonly line: number; readonly problem: string }[];
}

/** Every matching entry as one line of JSON with its line end, oldest first. */
export async function* exportLines(store: DeadLetterStore, filter: DeadLetterFilter): AsyncGenerator<string> {
  let cursor: string | undefined;
  let limit = FIRST_PAGE;
  do {
    const page = await store.list({ ...filter, order: 'oldest', limit, ...(cursor !== undefined && { cursor }) });
    let length = 0;
    for (const record of page.items) {
      const line = `${JSON.stringify(record)}\n`;
      length += line.length;
      yield line;
    }
    limit = nextLimit(limit, length / Math.max(1, page.items.length));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

const FIRST_PAGE = 20;
const LAST_PAGE = 200;
/** Entries with a blob have megabytes each: a page is in memory as a whole. */
const PAGE_LENGTH = 8_388_608;

/** Grows step by step: one page of small entries says little about the next. */
function nextLimit(limit: number, averageLength: number): number {
  return Math.max(1, Math.min(LAST_PAGE, 2 * limit, Math.floor(PAGE_LENGTH / averageLength)));
}

/**
 * Takes in what {@link exportLines} gave, in chunks of any size. Safe to repeat: known ids stay as they are.
 * @throws Error the store's own, when it takes none at all, or none of fifty entries that follow each other
 */
export async function importLines(
  store: DeadLetterStore,
  source: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
): Promise<ImportReport> {
  const report = { added: 0, merged: 0, known: 0, refusedLines: 0, refused: [] as { line: number; problem: string }[] };
  const refuse = (line: number, problem: string) => {
    report.refusedLines++;
    if (report.refused.length < MAX_REFUSALS) report.refused.push({ line, problem });
  };
  let group: { readonly line: number; readonly record: DeadLetterRecord }[] = [];
  let refusedInARow = 0;
  let taken = 0;
  let failure: unknown;
  // Together: a store syncs once for all that come at the same time.
  const addGroup = async () => {
    const adding = group;
    group = [];
    const outcomes = await Promise.allSettled(adding.map(({ record }) => store.add(record)));
    outcomes.forEach((outcome, index) => {
      if (outcome.status === 'fulfilled') {
        report[outcome.value.outcome]++;
        taken++;
        refusedInARow = 0;
        return;
      }
      // So many: then it is the store that fails, and it would refuse the rest as well.
      if (++refusedInARow >= GROUP_LINES) throw outcome.reason;
      failure = outcome.reason;
      refuse(adding[index]?.line ?? 0, `the store refuses it: ${describe(outcome.reason)}`);
    });
  };
  let line = 0;
  let size = 0;
  for await (const text of linesOf(source)) {
    line++;
    if (text?.trim() === '') continue;
    const read = text === undefined ? `longer than ${MAX_LINE_LENGTH} characters` : readRecord(text);
    if (typeof read === 'string') {
      refuse(line, read);
      continue;
    }
    group.push({ line, record: read });
    size += text?.length ?? 0;
    if (group.length < GROUP_LINES && size < GROUP_LENGTH) continue;
    size = 0;
    await addGroup();
  }
  await addGroup();
  if (taken === 0 && refusedInARow > 0) throw failure;
  report.refused.sort((one, other) => one.line - other.line);
  return report;
}

function describe(error: unknown): string {
  return messageOf(error);
}

const MAX_REFUSALS = 1_000;
const GROUP_LINES = 50;
const GROUP_LENGTH = 4_194_304;
/** An entry with the largest arguments that a default blob may hold has half of it. */
const MAX_LINE_LENGTH = 33_554_432;

/** `undefined` for a line that is too long. */
async function* linesOf(source: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>) {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let length = 0;
  const end = () => {
    const line = length > MAX_LINE_LENGTH ? undefined : parts.join('');
    parts = [];
    length = 0;
    return line;
  };
  const take = (part: string) => {
    length += part.length;
    if (length > MAX_LINE_LENGTH) parts = [];
    else parts.push(part);
  };
  for await (const chunk of source) {
    const [first = '', ...others] = (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })).split(
      '\n',
    );
    take(first);
    for (const part of others) {
      yield end();
      take(part);
    }
  }
  if (length > 0) yield end();
}
