import { type Stats, statSync } from 'node:fs';

/** What these packages write holds arguments and whole documents in clear: for the process's own user alone, whatever the umask. */
export const PRIVATE_FILE = 0o600;
export const PRIVATE_DIRECTORY = 0o700;

const OTHERS = 0o077;
/** Of a directory that everybody shares on purpose, such as /tmp. */
const STICKY = 0o1000;

/**
 * What to tell whoever starts the process about a file or directory that other users of the machine can read; `undefined` when
 * nobody else can, when nothing is there yet, and on Windows. Never changed here: somebody may have meant it.
 */
export function openToOthers(path: string): string | undefined {
  if (process.platform === 'win32') return undefined;
  const found = look(path);
  if (found === undefined || (found.mode & OTHERS) === 0 || (found.mode & STICKY) !== 0) return undefined;
  const mode = (found.mode & 0o777).toString(8).padStart(4, '0');
  return (
    `'${path}' is open to other users of this machine (mode ${mode}), and what is kept there is in clear: ` +
    `chmod ${found.isDirectory() ? '700' : '600'} '${path}'`
  );
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
