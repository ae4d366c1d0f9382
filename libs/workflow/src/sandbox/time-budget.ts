import { readFileSync } from 'node:fs';

/** What one task may take of a processor. Reads both clocks for tests only. */
export class TimeBudget {
  private wallEnd = Infinity;
  private cpuEnd = Infinity;

  constructor(
    private readonly wall: () => number = () => performance.now(),
    private readonly cpu: () => number = cpuMs,
  ) {}

  start(ms: number): void {
    this.wallEnd = this.wall() + ms;
    this.cpuEnd = this.cpu() + ms;
  }

  /**
   * Milliseconds that are left. By the clock on the wall, which is cheap to read, and beyond that by the time that this process was let
   * compute: a machine that is busy with others takes nothing away.
   */
  left(): number {
    const left = this.wallEnd - this.wall();
    return left > 0 ? left : this.cpuEnd - this.cpu();
  }
}

/** Milliseconds that this process has computed. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Linux counts it in hundredths of a second, whatever the kernel's own ticks are. */
const MS_PER_TICK = 10;
/** Of /proc/PID/stat, counted from the one after the name of the program, which may hold anything. */
const [UTIME, STIME] = [11, 12];

/** The same of another process, as Linux's books have it; undefined elsewhere. */
export function cpuMsOf(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[UTIME]) + Number(fields[STIME])) * MS_PER_TICK;
  } catch {
    return undefined;
  }
}
