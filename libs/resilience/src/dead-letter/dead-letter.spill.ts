import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeadLetterRecord } from './dead-letter.entry.js';

/** Where entries wait while the store does not answer. */
export interface DeadLetterSpill {
  /** `true` when what {@link append} acknowledged outlives the process. */
  readonly durable: boolean;
  append(record: DeadLetterRecord): Promise<void>;
  /** Hands every waiting entry to `keep`; one that `keep` rejects stays, and the rest behind it too. Returns how many were kept. */
  drain(keep: (record: DeadLetterRecord) => Promise<unknown>): Promise<number>;
}

/** The last resort without a directory: the newest entries, in memory. */
export class RingSpill implements DeadLetterSpill {
  readonly durable = false;
  private readonly ring: DeadLetterRecord[] = [];

  constructor(private readonly capacity = 1_000) {}

  append(record: DeadLetterRecord): Promise<void> {
    if (this.ring.length >= this.capacity) this.ring.shift();
    this.ring.push(record);
    return Promise.resolve();
  }

  async drain(keep: (record: DeadLetterRecord) => Promise<unknown>): Promise<number> {
    let kept = 0;
    for (let next = this.ring[0]; next !== undefined; next = this.ring[0]) {
      await keep(next);
      if (this.ring[0] === next) this.ring.shift();
      kept++;
    }
    return kept;
  }
}

const SPILL_SUFFIX = '.ndjson';
const CLAIMED_SUFFIX = '.claimed';

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
 */
export class FileSpill implements DeadLetterSpill {
  readonly durable = true;
  private file: string;
  private waiting: Append[] = [];
  private appending = false;

  constructor(private readonly directory: string) {
    this.file = this.newFile();
  }

  append(record: DeadLetterRecord): Promise<void> {
    return new Promise((done, fail) => {
      this.waiting.push({ line: `${JSON.stringify(record)}\n`, done, fail });
      if (!this.appending) void this.writeWaiting();
    });
  }

  async drain(keep: (record: DeadLetterRecord) => Promise<unknown>): Promise<number> {
    let kept = 0;
    for (const claimed of await this.claim()) {
      for await (const line of linesOf(claimed)) {
        const record = parseLine(line);
        if (!record) continue;
        await keep(record);
        kept++;
      }
      await unlink(claimed).catch(ignoreMissing);
    }
    return kept;
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

  private async write(lines: string): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    const handle = await open(this.file, 'a');
    try {
      const { size } = await handle.stat();
      await this.writeWhole(handle, lines, size);
      if (size === 0) await syncDirectory(this.directory);
      if (!(await isSameFile(this.file, (await handle.stat()).ino))) await this.writeApart(lines);
    } finally {
      await handle.close();
    }
  }

  /** Leaves no half line behind, to which the next one would be glued. */
  private async writeWhole(handle: FileHandle, lines: string, size: number): Promise<void> {
    try {
      await handle.writeFile(lines);
      await handle.sync();
    } catch (error) {
      await handle.truncate(size).catch(() => (this.file = this.newFile()));
      throw error;
    }
  }

  /** Into a file that nobody sees before it is whole: against a busy reader another append might come too late again. */
  private async writeApart(lines: string): Promise<void> {
    const file = this.newFile();
    const handle = await open(`${file}.part`, 'wx');
    try {
      await handle.writeFile(lines);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.part`, file);
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

/** A torn last line was never acknowledged: its caller got no id. */
function parseLine(line: string): DeadLetterRecord | undefined {
  try {
    const record = JSON.parse(line) as DeadLetterRecord | null;
    return typeof record?.id === 'string' ? record : undefined;
  } catch {
    return undefined;
  }
}

/** The name of a new file is durable only once its directory is. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r').catch(() => undefined); // Windows opens no directories, and needs none of this
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

async function isSameFile(path: string, ino: number): Promise<boolean> {
  return stat(path).then(
    (now) => now.ino === ino,
    () => false,
  );
}

/** A line at a time: a store that was away for long leaves a spill that does not fit into memory. */
async function* linesOf(path: string): AsyncGenerator<string> {
  const handle = await open(path, 'r').catch(ignoreMissing);
  if (handle === undefined) return;
  try {
    yield* handle.readLines({ autoClose: false });
  } finally {
    await handle.close();
  }
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
