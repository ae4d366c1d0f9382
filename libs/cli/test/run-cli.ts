import { PassThrough, Readable } from 'node:stream';
import type { TimerHandle } from '@nest-resilience/core';
import { FakeClock } from '@nest-resilience/core/testing';
import type { CliIo } from '../src/cli.io.js';
import { main } from '../src/main.js';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Both outputs are terminals of 100 columns. */
  readonly terminal?: boolean;
  readonly signal?: AbortSignal;
  /** Asked for by the pace of a batch. */
  readonly onWait?: (ms: number) => void;
}

/** Stands still: waits end at once. */
class StandingClock extends FakeClock {
  constructor(private readonly onWait: RunOptions['onWait']) {
    super();
  }

  override setTimer(callback: () => void, delayMs: number): TimerHandle {
    this.onWait?.(delayMs);
    queueMicrotask(callback);
    return super.setTimer(() => undefined, delayMs);
  }
}

/** The program in this process, with a clock that stands still: waits end at once. */
export async function runCli(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const [stdout, stderr] = [captured(options.terminal), captured(options.terminal)];
  const io: CliIo = {
    stdin: Readable.from([Buffer.from(options.stdin ?? '')]),
    ...{ stdout: stdout.output, stderr: stderr.output },
    env: options.env ?? {},
    signal: options.signal ?? new AbortController().signal,
    clock: new StandingClock(options.onWait),
  };
  const code = await main(argv, io);
  return { code, out: stdout.text(), err: stderr.text() };
}

function captured(terminal = false) {
  const chunks: Buffer[] = [];
  const output = new PassThrough().on('data', (chunk: Buffer) => chunks.push(chunk));
  return {
    output: terminal ? Object.assign(output, { isTTY: true, columns: 100 }) : output,
    text: () => Buffer.concat(chunks).toString('utf8'),
  };
}
