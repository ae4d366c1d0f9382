import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
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

/**
 * NDJSON files in a directory that several processes may share: each appends to a file of its own, fsynced, and anybody
 * reads back what anybody left. A file is renamed before it is read; whoever appends looks afterwards whether its file
 * is still where it was and writes once more if not. So a line is read twice at worst, which the store knows by its id.
 */
export class FileSpill implements DeadLetterSpill {
  readonly durable = true;
  private readonly file: string;
  private appending: Promise<unknown> = Promise.resolve();

  constructor(private readonly directory: string) {
    this.file = join(directory, `spill-${randomUUID()}${SPILL_SUFFIX}`);
  }

  append(record: DeadLetterRecord): Promise<void> {
    const line = `${JSON.stringify(record)}\n`;
    const result = this.appending.then(() => this.write(line));
    this.appending = result.catch(() => undefined);
    return result;
  }

  async drain(keep: (record: DeadLetterRecord) => Promise<unknown>): Promise<number> {
    let kept = 0;
    for (const claimed of await this.claim()) {
      for (const line of (await readIfThere(claimed)).split('\n')) {
        const record = parseLine(line);
        if (!record) continue;
        await keep(record);
        kept++;
      }
      await unlink(claimed).catch(ignoreMissing);
    }
    return kept;
  }

  private async write(line: string): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    const handle = await open(this.file, 'a');
    try {
      const created = (await handle.stat()).size === 0;
      await handle.writeFile(line);
      await handle.sync();
      if (created) await syncDirectory(this.directory);
      if (!(await isSameFile(this.file, (await handle.stat()).ino))) await this.writeApart(line);
    } finally {
      await handle.close();
    }
  }

  /** Into a file that nobody sees before it is whole: against a busy reader another append might come too late again. */
  private async writeApart(line: string): Promise<void> {
    const file = join(this.directory, `spill-${randomUUID()}${SPILL_SUFFIX}`);
    const handle = await open(`${file}.part`, 'wx');
    try {
      await handle.writeFile(line);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.part`, file);
    await syncDirectory(this.directory);
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

async function readIfThere(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    ignoreMissing(error);
    return '';
  });
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
