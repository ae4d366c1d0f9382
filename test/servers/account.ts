import { execFileSync } from 'node:child_process';
import { accessSync, chownSync, constants, cpSync, mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Database servers refuse to run as root: a suite that does starts them as `nobody`, whom every system has. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

export function serverAccount(): Account {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

/** Where and how a server is started. */
export interface ServerOptions {
  /** As its program takes them. */
  readonly settings?: readonly string[];
  /** Variables of its environment, beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** In which it gets a directory of its own. @default that for temporary files */
  readonly parent?: string;
}

/** A new directory that the server may write to. */
export function serverDirectory(name: string, { uid, gid }: Account, parent = tmpdir()): string {
  const directory = mkdtempSync(join(parent, `${name}-`));
  if (uid !== undefined && gid !== undefined) chownSync(directory, uid, gid);
  return directory;
}

/** A directory of programs, or a copy of it in `home` when the account cannot reach it: root's own home is closed to others. */
export function reachableFor(account: Account, directory: string, home: string): string {
  if (account.uid === undefined || isOpenToAll(directory)) return directory;
  const copy = join(home, 'programs');
  cpSync(directory, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}

export function isOpenToAll(path: string): boolean {
  accessSync(path, constants.R_OK);
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o005) !== 0o005) return false;
    if (at === dirname(at)) return true;
  }
}
