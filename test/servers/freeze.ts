import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';

/**
 * Stops a server with all its processes where they stand: its sockets stay open, connections are still accepted by the
 * system, and nobody answers.
 */
export function freeze(server: ChildProcess): void {
  // The parent first: it must not make others meanwhile.
  for (const pid of family(server)) signal(pid, 'SIGSTOP');
}

/** Lets it go on. */
export function thaw(server: ChildProcess): void {
  for (const pid of family(server)) signal(pid, 'SIGCONT');
}

/** Ends it, and all of its processes, without a chance to say goodbye. */
export async function kill(server: ChildProcess): Promise<void> {
  const closed = once(server, 'close');
  // None of them may answer for a moment longer than another.
  freeze(server);
  for (const pid of family(server)) signal(pid, 'SIGKILL');
  await closed;
}

function family({ pid }: ChildProcess): number[] {
  if (pid === undefined) return [];
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const pairs = rows.map((row) => row.trim().split(/\s+/).map(Number));
  const found = [pid];
  for (const parent of found) for (const [child, of] of pairs) if (of === parent) found.push(child!);
  return found;
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // One that has ended since the list was made.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
