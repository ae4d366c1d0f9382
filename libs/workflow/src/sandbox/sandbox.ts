import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { unpack } from './parcel.js';
import {
  DEFAULT_SANDBOX_LIMITS,
  OVER_TIME,
  type SandboxMessage,
  type SandboxReply,
  type SandboxResults,
  type SandboxTask,
} from './sandbox.tasks.js';
import { cpuMsOf } from './time-budget.js';

/** A task was stopped, whatever it was doing. Never worth a retry: the same data costs the same. */
export class SandboxLimitError extends Error {
  readonly isRetryable = false;

  constructor(reason: string) {
    super(reason);
    this.name = new.target.name;
  }
}

/** There is no other process to be had here: its file was left out of a bundle, or the system allows none. */
export class SandboxUnavailableError extends Error {}

const ENTRY = 'sandbox.process.js';

interface Waiting {
  readonly task: SandboxTask;
  readonly resolve: (reply: SandboxReply) => void;
  readonly reject: (error: Error) => void;
  /** Its process was killed once, by nobody here. */
  readonly again?: true;
}

/**
 * Processes in which that runs whose cost nobody knows beforehand. Not threads: a thread's `resourceLimits` leave gaps through which one
 * allocation ends the whole process, and not every built-in function can be interrupted. They keep no process alive, know nothing
 * of its environment, and end with it.
 */
export class Sandbox {
  private readonly idle: Cell[] = [];
  private readonly cells = new Set<Cell>();
  private readonly queue: Waiting[] = [];
  private proved = false;
  private stillborn = 0;
  private unavailable: SandboxUnavailableError | undefined;

  constructor(
    private readonly limits: { readonly [K in keyof typeof DEFAULT_SANDBOX_LIMITS]: number } = DEFAULT_SANDBOX_LIMITS,
  ) {}

  /**
   * @throws SandboxLimitError over the budget, SandboxUnavailableError where no process can be had, an Error with the reason when the
   * task itself fails, and what the serializer throws for a value that cannot travel
   */
  async run<T extends SandboxTask>(task: T): Promise<SandboxResults[T['type']]> {
    if (this.unavailable) throw this.unavailable;
    const reply = await new Promise<SandboxReply>((resolve, reject) => {
      this.queue.push({ task, resolve, reject });
      this.next();
    });
    if (!reply.ok) throw new Error(reply.reason);
    return unpack(reply.result) as SandboxResults[T['type']];
  }

  /** Ends the processes that have nothing to do; further tasks start new ones. */
  rest(): void {
    for (const cell of this.idle.splice(0)) cell.end();
  }

  private next(): void {
    while (this.queue.length > 0) {
      const cell = this.idle.pop() ?? (this.cells.size < this.limits.processes ? this.open() : undefined);
      if (!cell) return;
      cell.run(this.queue.shift()!);
    }
  }

  private open(): Cell {
    const cell = new Cell(this.limits, {
      free: () => {
        this.proved = true;
        this.stillborn = 0;
        this.idle.push(cell);
        this.next();
      },
      tired: () => this.leave(cell),
      gone: (end, work) => {
        this.leave(cell);
        this.cells.delete(cell);
        if (end === 'killed' && work) this.queue.unshift({ ...work, again: true });
        // Who is killed before it is there says nothing of the next one.
        else if (end !== 'started' && work) {
          if (++this.stillborn < MAX_STILLBORN) this.queue.unshift(work);
          else work.reject(new SandboxUnavailableError());
        }
        if (end === 'failed' && !this.proved) this.giveUp();
        this.next();
      },
    });
    this.cells.add(cell);
    return cell;
  }

  private leave(cell: Cell): void {
    const at = this.idle.indexOf(cell);
    if (at !== -1) this.idle.splice(at, 1);
    cell.end();
  }

  /** What never could be started is not tried for each task again. */
  private giveUp(): void {
    if (this.unavailable) return;
    this.unavailable = new SandboxUnavailableError();
    process.emitWarning(
      `No process for expressions and input schemas could be started: they run in this one, where neither time nor memory of a single built-in function is bounded. A bundle needs the file ${ENTRY} beside it`,
      'ResilienceWarning',
    );
    for (const { reject } of this.queue.splice(0)) reject(this.unavailable);
  }
}

/** Of all workflows of this process. */
export const sandbox = new Sandbox();

/** How a process ended: by itself or for its work, killed by others while it worked, or before it was there, killed or not. */
type CellEnd = 'started' | 'killed' | 'stillborn' | 'failed';

/** How V8 ends a process whose heap is full. */
const OUT_OF_MEMORY = 'SIGABRT';

/** So many in a row that were killed before they were there, and a task is done without one. */
const MAX_STILLBORN = 3;

/** One process, with one task at a time. */
class Cell {
  private readonly child: ChildProcess;
  private started = false;
  private work: Waiting | undefined;
  private overTime = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly limits: Sandbox['limits'],
    private readonly owner: { free(): void; tired(): void; gone(end: CellEnd, work: Waiting | undefined): void },
  ) {
    // Sources that a loader translates need it there too.
    const loaders = import.meta.url.endsWith('.ts') ? process.execArgv : [];
    const { TZ, SystemRoot } = process.env;
    this.child = fork(fileURLToPath(new URL(`./${ENTRY}`, import.meta.url)), {
      execArgv: [...loaders, `--max-old-space-size=${limits.memoryMb}`],
      env: { ...(TZ !== undefined && { TZ }), ...(SystemRoot !== undefined && { SystemRoot }) },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.child.on('message', (message) => this.hear(message as SandboxMessage));
    this.child.once('error', () => this.lost());
    this.child.once('exit', (code, signal) => this.lost(code, signal));
    this.hold(false);
  }

  run(work: Waiting): void {
    this.work = work;
    clearTimeout(this.timer);
    this.hold(true);
    if (this.started) this.send();
  }

  end(): void {
    clearTimeout(this.timer);
    if (this.child.connected) this.child.disconnect();
  }

  private send(): void {
    try {
      this.child.send(this.work!.task, (error) => {
        if (error) this.child.kill('SIGKILL');
      });
    } catch (error) {
      this.settle((work) => work.reject(error as Error));
      return;
    }
    this.endWithin(this.limits.compileMs);
  }

  /** Kills it when it has computed for so long; by the clock where nobody counts that. */
  private endWithin(ms: number): void {
    const began = performance.now();
    const cpuBefore = cpuMsOf(this.child.pid);
    const look = (afterMs: number): void => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        const leftMs = cpuBefore === undefined ? 0 : ms - ((cpuMsOf(this.child.pid) ?? Infinity) - cpuBefore);
        if (leftMs > 0 && performance.now() - began < this.limits.longestMs) return look(leftMs);
        this.overTime = true;
        this.child.kill('SIGKILL');
      }, afterMs);
    };
    look(ms);
  }

  private hear(message: SandboxMessage): void {
    if (message === 'ready') {
      this.started = true;
      if (this.work) this.send();
    } else if (message === 'compiled') this.endWithin(this.limits.timeoutMs + this.limits.graceMs);
    else this.settle((work) => work.resolve(message));
  }

  private settle(tell: (work: Waiting) => void): void {
    const { work } = this;
    this.work = undefined;
    clearTimeout(this.timer);
    this.hold(false);
    this.timer = setTimeout(() => this.owner.tired(), this.limits.idleMs).unref();
    // One that was told to die takes no more.
    if (!this.overTime) this.owner.free();
    if (work) tell(work);
  }

  /** Keeps this process alive while somebody waits, and only then. */
  private hold(on: boolean): void {
    this.child[on ? 'ref' : 'unref']();
    this.child.channel?.[on ? 'ref' : 'unref']();
  }

  private lost(code?: number | null, signal?: string | null): void {
    const { work } = this;
    this.work = undefined;
    clearTimeout(this.timer);
    const killed = typeof signal === 'string' && signal !== OUT_OF_MEMORY && !this.overTime;
    if (!this.started) return this.owner.gone(killed ? 'stillborn' : 'failed', work);
    if (killed && work?.again !== true) return this.owner.gone('killed', work);
    work?.reject(new SandboxLimitError(this.why(killed, code, signal)));
    this.owner.gone('started', work);
  }

  private why(killed: boolean, code?: number | null, signal?: string | null): string {
    if (this.overTime) return OVER_TIME;
    if (killed) return `its process was killed twice (${signal}), not by this one; has the machine enough memory?`;
    return `it needed more than ${this.limits.memoryMb} MiB of memory (its process ended with ${signal ?? code ?? 'an error'}); make less of the data at once`;
  }
}
