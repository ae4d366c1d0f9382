import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { PRIVATE_DIRECTORY, PRIVATE_FILE, ResilienceError, warnOfOpenFiles } from '@nest-resilience/core';

/**
 * The file of an open database was deleted or replaced: the process holds what it has written until now, but nobody will find it
 * again. Code `RESILIENCE_STORE_LOST`.
 */
class StoreLostError extends ResilienceError {
  readonly isRetryable = false;

  constructor(file: string, what: 'deleted' | 'replaced') {
    super(
      `The database file '${file}' was ${what} under this process: all that it held is gone, and nothing is written to it any more. ` +
        'Start the process again; to save what it still shows, read it over HTTP before',
      'RESILIENCE_STORE_LOST',
      'store',
    );
  }
}

/** Which file stands behind a path. */
export class FileIdentity {
  private readonly device: bigint;
  private readonly inode: bigint;

  /** @throws Error when there is no such file */
  constructor(private readonly file: string) {
    const { dev, ino } = statSync(file, { bigint: true });
    this.device = dev;
    this.inode = ino;
  }

  /** @throws StoreLostError when the path leads to another file by now, or nowhere */
  check(): void {
    const now = statSync(this.file, { bigint: true, throwIfNoEntry: false });
    if (now === undefined) throw new StoreLostError(this.file, 'deleted');
    if (now.ino !== this.inode || now.dev !== this.device) throw new StoreLostError(this.file, 'replaced');
  }
}

/** For this user alone, whatever the umask. SQLite gives its log files the mode of the database. */
export function makePrivateFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: PRIVATE_DIRECTORY });
  warnOfOpenFiles(dirname(file));
  try {
    closeSync(openSync(file, 'wx', PRIVATE_FILE));
    chmodSync(file, PRIVATE_FILE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    warnOfOpenFiles(file, `${file}-wal`);
  }
}
