import { Readable } from 'node:stream';
import { type Clock, type TimerHandle, Turns } from '@nest-resilience/core';
import type { ExecutionLedger } from '../ledger/execution.js';
import { eventsOf, frameOf } from './execution-events.js';

export const DEFAULT_EXECUTION_STREAM_OPTIONS = {
  /** The ledger is read this often even if nothing was heard: another process may run the execution. */
  pollMs: 2_000,
  /** A comment goes out this often, so that proxies keep the connection and dead clients are noticed. */
  heartbeatMs: 15_000,
  /** While more than this waits for the client nothing is added; one that reads nothing until the next heartbeat may come back with `Last-Event-ID`. */
  maxBufferedBytes: 1_048_576,
} as const;

const HEARTBEAT = ':\n\n';

export interface ExecutionStreamParts {
  readonly clock: Clock;
  /** Only later events than this. */
  readonly afterId: number;
  read(): Promise<ExecutionLedger | undefined>;
  /** Calls back when this process changed the execution; returns what takes the listener away. */
  onChange(listener: () => void): () => void;
}

/** Server-sent events of one execution until it has ended, its client goes away, or it is destroyed. */
export class ExecutionStream extends Readable {
  private readonly timers = new Map<string, TimerHandle>();
  private readonly stopListening: () => void;
  private sentId: number;
  private reading = false;
  private again = false;
  private over = false;
  private goOn: () => void = () => undefined;

  constructor(private readonly parts: ExecutionStreamParts) {
    super();
    this.sentId = parts.afterId;
    // The first byte goes out at once: only with it does the client see that it is connected.
    this.push(HEARTBEAT);
    this.stopListening = parts.onChange(() => this.look());
    this.repeat('poll', DEFAULT_EXECUTION_STREAM_OPTIONS.pollMs, () => this.look());
    this.repeat('heartbeat', DEFAULT_EXECUTION_STREAM_OPTIONS.heartbeatMs, () => this.push(HEARTBEAT));
    this.look();
  }

  /** Ends it in an orderly way: the client may come back. */
  finish(): void {
    if (this.over) return;
    this.over = true;
    this.letGo();
    this.push(null);
  }

  /** Everything is pushed when it happens, unless too much waits already. */
  override _read(): void {
    this.goOn();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.over = true;
    this.letGo();
    done(error);
  }

  /** Reads once for all changes that come while it reads. */
  private look(): void {
    this.again = true;
    if (this.reading || this.over) return;
    this.reading = true;
    void this.send().catch(() => this.finish());
  }

  private async send(): Promise<void> {
    const turns = new Turns();
    try {
      while (this.again && !this.over) {
        this.again = false;
        const ledger = await this.parts.read();
        if (this.over) return;
        for (const event of ledger ? eventsOf(ledger) : []) {
          if (event.id <= this.sentId) continue;
          this.sentId = event.id;
          this.push(frameOf(event));
          await turns.take();
          if (this.readableLength > DEFAULT_EXECUTION_STREAM_OPTIONS.maxBufferedBytes) await this.room();
          if (this.isOver()) return;
        }
        if (ledger?.status !== 'running' && ledger?.status !== 'queued') this.finish();
      }
    } finally {
      this.reading = false;
    }
  }

  /** Until the client has read what waits for it; one that does not is let go. */
  private room(): Promise<void> {
    const { heartbeatMs } = DEFAULT_EXECUTION_STREAM_OPTIONS;
    const timer = this.parts.clock.setTimer(() => this.finish(), heartbeatMs);
    timer.unref();
    this.timers.set('room', timer);
    return new Promise<void>((resolve) => (this.goOn = resolve)).finally(() => timer.cancel());
  }

  private isOver(): boolean {
    return this.over;
  }

  private repeat(name: string, intervalMs: number, act: () => void): void {
    const timer = this.parts.clock.setTimer(() => {
      this.repeat(name, intervalMs, act);
      act();
    }, intervalMs);
    timer.unref();
    this.timers.set(name, timer);
  }

  private letGo(): void {
    this.stopListening();
    this.goOn();
    for (const timer of this.timers.values()) timer.cancel();
  }
}
