import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { CLUSTER_OWNER } from '../cluster/seams.js';
import type { LeaseHolder } from '../ledger/executor-lease.js';

/** Who this process is, for others of its machine. */
export function thisProcess(owner: string): LeaseHolder {
  const [machine, started] = [machineOf(), startOf(process.pid)];
  const life = machine !== undefined && typeof started === 'string' ? { life: `${machine} ${started}` } : {};
  return { owner, host: hostname(), pid: process.pid, ...life };
}

/** All processes of a cluster: whether one of them has ended means nothing. */
export function together(): LeaseHolder {
  return { owner: CLUSTER_OWNER, host: hostname(), pid: process.pid };
}

/**
 * Whether that process has certainly ended. Only Linux tells, and only of processes of the same boot and the same container: of any
 * other the answer is false.
 */
export function hasEnded({ host, pid, life }: LeaseHolder): boolean {
  const machine = machineOf();
  if (life === undefined || machine === undefined || host !== hostname() || !life.startsWith(`${machine} `))
    return false;
  const started = startOf(pid);
  return started === 'gone' || (started !== undefined && life !== `${machine} ${started}`);
}

/** The boot and the process namespace, in which a number means one process. */
function machineOf(): string | undefined {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}

/** When it started, by which it differs from a later process of the same number; `undefined` when nobody may know. */
function startOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'gone';
  }
  try {
    // After the name, which may hold anything: the state, and the start as the 20th field.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    // A zombie has ended; its parent has not asked yet.
    return fields[0] === 'Z' || fields[0] === 'X' ? 'gone' : fields[19];
  } catch {
    return undefined;
  }
}
