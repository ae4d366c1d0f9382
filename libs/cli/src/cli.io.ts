import type { Clock } from '@nest-resilience/core/kit';

/** Where text goes: a terminal, a pipe or a file. */
export type CliOutput = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** Everything that the program touches of its process, so that a test can stand in for it. */
export interface CliIo {
  readonly stdin: AsyncIterable<string | Uint8Array>;
  /** Results. */
  readonly stdout: CliOutput;
  /** Progress and complaints. */
  readonly stderr: CliOutput;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C. A batch ends after the entry it has in hand. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}
