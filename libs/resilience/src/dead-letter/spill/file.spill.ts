import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { mayPass } from '../../engine/classifier/may-pass.js';
import { PRIVATE_DIRECTORY, PRIVATE_FILE } from '../../engine/private-files.js';
import type { DeadLetterRecord } from '../dead-letter.entry.js';
import { type DeadLetterSpill, type Drained, type KeepInStore, NoAnswer, type RefusedEntry } from './spill.js';
import { linesOf, parseLine, syncDirectory, ignoreMissing } from './spill-file.js';
import { Patience, SpillRun } from './spill-run.js';

const SPILL_SUFFIX = '.ndjson';
const CLAIMED_SUFFIX = '.claimed';
const REFUSED_SUFFIX = '.refused';
/** To the end, and on the disk when it resolves. */
const APPEND_SYNCED = 'as';

interface Append {
  readonly line: string;
  readonly done: () => void;
  readonly fail: (error: unknown) => void;
}

/**
 * NDJSON files in a directory that several processes may share: each appends to a file of its own, fsynced, and anybody
 * reads back what anybody left. A file is renamed before it is read; whoever appends looks afterwards whether its file
 * is still where it was and writes once more if not. So a line is read twice at worst, which the store knows by its id.
 *
 * Lines that come while one sync is under way share the next: a hundred calls that fail at once wait for two.
 *
 * An entry that the store refuses gets a file of its own, `<id>.refused`, which is tried again every hour and at the next start.
 */
export class FileSpill implements DeadLetterSpill {
  readonly durable = true;
  private file: string;
  private waiting: Append[] = [];
  private appending = false;
  private readonly patience = new Patience();

  constructor(private readonly directory: string) {
    this.file = this.newFile();
  }

  append(record: DeadLetterRecord): Promise<void> {
    return new Promise((done, fail) => {
      this.waiting.push({ line: lineOf(record), done, fail });
      if (!this.appending) void this.writeWaiting();
    });
  }

  async drain(keep: KeepInStore, alsoRefused = false): Promise<Drained> {
    const run = new SpillRun(keep, this.patience);
    const read: string[] = [];
    for (const claimed of await this.claim()) {
      for await (const record of recordsOf(claimed)) {
        await run.offer(record);
        if (run.over) break;
      }
      // What is not read to its end stays as it is.
      if (run.over) break;
      read.push(claimed);
    }
    const refused: RefusedEntry[] = [];
    // Nothing was taken, so there is nothing to take out of any file.
    if (run.rejectedAny && run.kept === 0) return { kept: 0, refused, failure: run.failure };
    for (const claimed of read) {
      if (run.rejectedAny) refused.push(...(await this.sort(claimed, run)));
      await unlink(claimed).catch(ignoreMissing);
    }
    const { failure, left } = run;
    if (failure !== undefined) return { kept: run.kept, refused, failure };
    const again = alsoRefused ? await this.retryRefused(keep) : 0;
    return { kept: run.kept + again, refused, ...(left > 0 && { left }) };
  }

  async countRefused(): Promise<number> {
    return (await this.namesOfRefused()).length;
  }

  /** Carries what the store did not take out of a file that is about to go. */
  private async sort(claimed: string, run: SpillRun): Promise<RefusedEntry[]> {
    const refused: RefusedEntry[] = [];
    let left: string[] = [];
    const leave = async () => {
      if (left.length > 0) await this.writeNew(this.newFile(), left.join(''));
      left = [];
    };
    for await (const record of recordsOf(claimed)) {
      const verdict = run.verdict(record);
      const outcome = verdict === 'refused' ? await run.confirm(record) : verdict;
      if (outcome === 'left') left.push(lineOf(record));
      if (left.length >= MAX_LEFT_IN_MEMORY) await leave();
      if (typeof outcome === 'string') continue;
      const file = join(this.directory, `${nameOf(record)}${REFUSED_SUFFIX}`);
      await this.writeNew(file, lineOf(record));
      refused.push({ record, file, ...outcome });
    }
    await leave();
    return refused;
  }

  private async retryRefused(keep: KeepInStore): Promise<number> {
    let kept = 0;
    for (const name of await this.namesOfRefused()) {
      const path = join(this.directory, name);
      const record = parseLine(await readFile(path, 'utf8').catch(() => ''));
      if (record === undefined) continue;
      try {
        await keep(record);
        await unlink(path).catch(ignoreMissing);
        kept++;
      } catch (error) {
        if (error instanceof NoAnswer || mayPass(error)) break;
      }
    }
    return kept;
  }

  private async namesOfRefused(): Promise<string[]> {
    const names = await readdir(this.directory).catch(() => []);
    return names.filter((name) => name.endsWith(REFUSED_SUFFIX));
  }

  private async writeWaiting(): Promise<void> {
    this.appending = true;
    while (this.waiting.length > 0) {
      const group = this.waiting;
      this.waiting = [];
      try {
        await this.write(group.map(({ line }) => line).join(''));
        for (const { done } of group) done();
      } catch (error) {
        // What does not fit together may fit one by one: a disk that is nearly full, one entry that is very large.
        if (group.length === 1) group[0]?.fail(error);
        else for (const { line, done, fail } of group) await this.write(line).then(done, fail);
      }
    }
    this.appending = false;
  }

  /**
   * A failing call waits for this, and each step of it for a thread and a turn of the loop, which on a busy machine take longer than the
   * disk: so the write itself brings the sync, and nobody waits for what can be done beside it or after it.
   */
  private async write(lines: string): Promise<void> {
    const handle = await this.openToAppend();
    try {
      const { size, ino } = await handle.stat();
      const named = size === 0 ? syncDirectory(this.directory) : undefined;
      await this.writeWhole(handle, lines, size);
      await named;
      // Against a busy reader another append might come too late again.
      if (!(await isSameFile(this.file, ino))) await this.writeNew(this.newFile(), lines);
    } finally {
      handle.close().catch(() => undefined);
    }
  }

  private async openToAppend(): Promise<FileHandle> {
    const opened = await open(this.file, APPEND_SYNCED, PRIVATE_FILE).catch(ignoreMissing);
    if (opened) return opened;
    await mkdir(this.directory, { recursive: true, mode: PRIVATE_DIRECTORY });
    return open(this.file, APPEND_SYNCED, PRIVATE_FILE);
  }

  /** Leaves no half line behind, to which the next one would be glued. */
  private async writeWhole(handle: FileHandle, lines: string, size: number): Promise<void> {
    try {
      await handle.writeFile(lines);
      // There a write that is synced may still be in the cache of the drive.
      if (process.platform === 'darwin') await handle.sync();
    } catch (error) {
      await handle.truncate(size).catch(() => (this.file = this.newFile()));
      throw error;
    }
  }

  /** Nobody sees the file before it is whole. */
  private async writeNew(file: string, lines: string): Promise<void> {
    const part = `${file}.${randomUUID()}.part`;
    const handle = await open(part, 'wx', PRIVATE_FILE);
    try {
      await handle.writeFile(lines);
      await handle.sync();
    } catch (error) {
      await unlink(part).catch(() => undefined);
      throw error;
    } finally {
      await handle.close();
    }
    await rename(part, file);
    await syncDirectory(this.directory);
  }

  private newFile(): string {
    return join(this.directory, `spill-${randomUUID()}${SPILL_SUFFIX}`);
  }

  private async claim(): Promise<string[]> {
    const names = await readdir(this.directory).catch(() => []);
    const claimed = names.filter((name) => name.endsWith(CLAIMED_SUFFIX)).map((name) => join(this.directory, name));
    for (const name of names.filter((each) => each.endsWith(SPILL_SUFFIX))) {
      const path = join(this.directory, `${name}.${randomUUID()}${CLAIMED_SUFFIX}`);
      const mine = await rename(join(this.directory, name), path).then(() => true, ignoreMissing);
      if (mine) claimed.push(path);
    }
    return claimed.sort();
  }
}

/** A store that was away for long leaves more than fits into memory. */
const MAX_LEFT_IN_MEMORY = 100;

function lineOf(record: DeadLetterRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** Ids are UUIDs; a line that somebody wrote by hand must not name a path. */
function nameOf({ id }: DeadLetterRecord): string {
  return /^[\w-]{1,64}$/.test(id) ? id : createHash('sha256').update(id).digest('hex');
}

async function* recordsOf(path: string): AsyncGenerator<DeadLetterRecord> {
  for await (const line of linesOf(path)) {
    const record = parseLine(line);
    if (record) yield record;
  }
}

async function isSameFile(path: string, ino: number): Promise<boolean> {
  return stat(path).then(
    (now) => now.ino === ino,
    () => false,
  );
}
