import { messageOf } from '../../engine/foreign-error.js';
import { Turns } from '../../engine/pages.js';
import type { DeadLetterRecord } from '../dead-letter.entry.js';
import { readRecord } from './validate-entry.js';
import type { DeadLetterFilter, DeadLetterStore } from './dead-letter.store.js';
import { LineReader, MAX_LINE_LENGTH } from '../spill/line-reader.js';

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
  /** Only where the import was given up: after how many lines, and what to do. Those before it that are none of the refused are in. */
  readonly stopped?: string;
}

/** Every matching entry as one line of JSON with its line end, oldest first. */
export async function* exportLines(store: DeadLetterStore, filter: DeadLetterFilter): AsyncGenerator<string> {
  const turns = new Turns();
  let cursor: string | undefined;
  let limit = FIRST_PAGE;
  do {
    const page = await store.list({ ...filter, order: 'oldest', limit, ...(cursor !== undefined && { cursor }) });
    let length = 0;
    for (const record of page.items) {
      const line = `${JSON.stringify(record)}\n`;
      length += line.length;
      yield line;
      await turns.take();
    }
    limit = nextLimit(limit, length / Math.max(1, page.items.length));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

const FIRST_PAGE = 20;
const LAST_PAGE = 200;
/** For stores whose pages end at their limit: each is in memory as a whole. */
const PAGE_LENGTH = 8_388_608;

/** Grows step by step: one page of small entries says little about the next. */
function nextLimit(limit: number, averageLength: number): number {
  return Math.max(1, Math.min(LAST_PAGE, 2 * limit, Math.floor(PAGE_LENGTH / averageLength)));
}

/**
 * Takes in what {@link exportLines} gave, in chunks of any size. Safe to repeat: known ids stay as they are.
 * @param maxArgsBytes how large the arguments of a target may be
 * @throws Error the store's own, when it takes none at all, or none of fifty entries that follow each other
 */
export async function importLines(
  store: DeadLetterStore,
  source: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
  maxArgsBytes: (target: string) => number,
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
      refuse(adding[index]?.line ?? 0, `the store refuses it: ${messageOf(outcome.reason)}`);
    });
  };
  const reader = new LineReader(source);
  let size = 0;
  for await (const { line, text } of reader.lines()) {
    const read = text === undefined ? `longer than ${MAX_LINE_LENGTH} characters` : readRecord(text, maxArgsBytes);
    if (typeof read === 'string') {
      refuse(line, read);
      if (report.refusedLines >= MAX_REFUSED_LINES) reader.discardRest();
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
  if (!reader.discards) return report;
  const stopped = `after ${reader.read} lines: ${report.refusedLines} of them held no entry, so this is hardly an export; mend it and send it again`;
  return { ...report, stopped };
}

const MAX_REFUSALS = 1_000;
/** To read and refuse a line costs more than to send it. */
const MAX_REFUSED_LINES = 10_000;
const GROUP_LINES = 50;
const GROUP_LENGTH = 4_194_304;
