import type { InputProblem } from '../graph/input-schema.js';
import type { Parcel } from './parcel.js';

/** What the other process is asked to do. Sources travel as text: it keeps what it compiled. */
export type SandboxTask =
  | { readonly type: 'evaluate'; readonly source: string; readonly scope: Parcel }
  | { readonly type: 'validate'; readonly schema: string; readonly value: Parcel };

/** What came of it. */
export type SandboxReply =
  | { readonly ok: true; readonly result: Parcel }
  /** It failed on its data, as it would have here. */
  | { readonly ok: false; readonly reason: string };

/** What the other process says: when it is there, when it begins with the data, and what came of it. */
export type SandboxMessage = 'ready' | 'compiled' | SandboxReply;

/** Results by task, after unpacking. */
export interface SandboxResults {
  readonly evaluate: unknown;
  readonly validate: readonly InputProblem[];
}

/** Bounds of one task. */
export const DEFAULT_SANDBOX_LIMITS = {
  /** Milliseconds of a processor that one evaluation, or one check of an input, may take. */
  timeoutMs: 1_000,
  /** Milliseconds beyond that until its process is killed: what can stop itself says more. */
  graceMs: 2_000,
  /** Milliseconds by the clock after which it is killed however little it was let compute; where that is not known, this does not count. */
  longestMs: 60_000,
  /** Milliseconds for compiling a source, which this process has done before: never mind how busy the machine is. */
  compileMs: 30_000,
  /** MiB of the process's heap. */
  memoryMb: 128,
  /** Processes, started when there is work for them. */
  processes: 2,
  /** Milliseconds after which a process without work ends. */
  idleMs: 15_000,
} as const;

/** What is said of a task that took too long, whoever noticed. */
export const OVER_TIME = `timeout, it took more than ${DEFAULT_SANDBOX_LIMITS.timeoutMs} ms; give it less data at once, e.g. in an \`each\` node, or repeat less inside of what is repeated`;
