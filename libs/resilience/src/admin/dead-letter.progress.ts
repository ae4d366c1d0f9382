import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { StreamableFile } from '@nestjs/common';
import type { RedriveAllOptions, RedriveProgress, RedriveReport } from '../dead-letter/dead-letter.batch.js';
import { messageOf } from '../engine/foreign-error.js';
import { NDJSON } from './dead-letter.ndjson.js';

/** A client that reads slowly misses steps, never the report. */
const MAX_WAITING_BYTES = 262_144;

/**
 * A line after each entry: `{ "type": "progress", ... }`, at last `{ "type": "report", ... }`, or `{ "type": "error", "detail" }` when
 * the store ended the batch.
 * @throws ResilienceOptionsError when the batch cannot begin, while the answer can still say so
 */
export async function streamProgress(
  run: (options: RedriveAllOptions) => Promise<RedriveReport>,
): Promise<StreamableFile> {
  const lines = new Readable({ read: () => undefined });
  const push = (line: object) => lines.push(`${JSON.stringify(line)}\n`);
  const running = run({
    onProgress: (progress) => {
      if (lines.readableLength < MAX_WAITING_BYTES) push({ type: 'progress', ...plain(progress) });
    },
  });
  await Promise.race([running, setImmediate()]);
  void running
    .then(
      (report) => push({ type: 'report', ...report }),
      (error: unknown) => push({ type: 'error', detail: messageOf(error) }),
    )
    .finally(() => lines.push(null));
  return new StreamableFile(lines, { type: `${NDJSON}; charset=utf-8` });
}

/** What the method threw may be anything, and may hold secrets: only what is kept of it is shown. */
function plain({ last, ...counts }: RedriveProgress): object {
  if (last === undefined || 'skippedBecause' in last) return { ...counts, last };
  const { id, outcome, status, failure } = last;
  const error = failure && { name: failure.name, message: failure.message };
  return { ...counts, last: { id, outcome, status, ...(error && { error }) } };
}
