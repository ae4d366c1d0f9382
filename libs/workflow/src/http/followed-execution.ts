import { type Clock, Turns } from '@nest-resilience/core';
import { repeat } from '@nest-resilience/core/kit';
import type { ExecutionLedger } from '../ledger/execution.js';
import type { NodeAtWork } from '../executor/at-work.js';
import { PROGRESS_MS } from '../executor/execution-runner.js';
import { eventsOf, frameOf, type LiveEvent, liveEventsOf } from './execution-events.js';
import type { ExecutionStream } from './execution-stream.js';

export const DEFAULT_EXECUTION_STREAM_OPTIONS = {
  /** The ledger is read this often even if nothing was heard: another process may run the execution. */
  pollMs: 2_000,
  /** A comment goes out this often, so that proxies keep the connection and dead clients are noticed. */
  heartbeatMs: 15_000,
} as const;

/** An event and the text that goes to everybody. */
export interface FramedEvent {
  readonly id: number;
  readonly frame: string;
}

export interface FollowedExecutionParts {
  readonly clock: Clock;
  read(): Promise<ExecutionLedger | undefined>;
  atWork(ledger: ExecutionLedger): Promise<readonly NodeAtWork[]>;
  /** Calls back when this process changed the execution; returns what takes the listener away. */
  onChange(listener: () => void): () => void;
  /** Nobody follows it any more. */
  onLeft(): void;
}

/** One execution and all who follow it: its ledger is read, and its events are written, once for all of them. */
export class FollowedExecution {
  private readonly streams = new Set<ExecutionStream>();
  private readonly stops: readonly (() => void)[];
  private events: FramedEvent[] = [];
  private progress = new Map<string, { readonly at: number; readonly event: LiveEvent }>();
  private reading = false;
  private again = false;

  constructor(private readonly parts: FollowedExecutionParts) {
    const { clock } = parts;
    const { pollMs, heartbeatMs } = DEFAULT_EXECUTION_STREAM_OPTIONS;
    const beat = () => this.streams.forEach((stream) => stream.beat());
    this.stops = [
      parts.onChange(() => this.look()),
      repeat(clock, pollMs, () => this.look()),
      repeat(clock, heartbeatMs, beat),
    ];
  }

  add(stream: ExecutionStream): void {
    this.streams.add(stream);
    this.look();
  }

  remove(stream: ExecutionStream): void {
    if (!this.streams.delete(stream) || this.streams.size > 0) return;
    for (const stop of this.stops) stop();
    this.parts.onLeft();
  }

  /** Reads once for all changes that come, and all clients that join, while it reads. */
  private look(): void {
    this.again = true;
    if (this.reading) return;
    this.reading = true;
    void this.tell().catch(() => this.finish());
  }

  private async tell(): Promise<void> {
    try {
      // Those who join in this turn of the event loop are served by the same look.
      await Promise.resolve();
      while (this.again && this.streams.size > 0) {
        this.again = false;
        const ledger = await this.parts.read();
        await this.frame(ledger);
        const ended = ledger?.status !== 'running' && ledger?.status !== 'queued';
        const live = ledger?.status === 'running' ? this.live(await this.parts.atWork(ledger)) : [];
        for (const stream of [...this.streams]) stream.tell(this.events, ended, live);
      }
    } finally {
      this.reading = false;
    }
  }

  /** What was framed before stays as it is: events do not change. Results may be large: others have their turn between them. */
  private async frame(ledger: ExecutionLedger | undefined): Promise<void> {
    const known = new Map(this.events.map((event) => [event.id, event]));
    const turns = new Turns();
    this.events = [];
    for (const event of ledger ? eventsOf(ledger) : []) {
      this.events.push(known.get(event.id) ?? { id: event.id, frame: frameOf(event) });
      await turns.take();
    }
  }

  /** Progress of a node changes at most once a second. */
  private live(nodes: readonly NodeAtWork[]): LiveEvent[] {
    const now = this.parts.clock.now();
    const before = this.progress;
    this.progress = new Map();
    return nodes.flatMap(liveEventsOf).map((event) => {
      if (event.type !== 'node.progress') return event;
      const last = before.get(event.node);
      const shown = last && now - last.at < PROGRESS_MS && last.event.order < event.order ? last : { at: now, event };
      this.progress.set(event.node, shown);
      return shown.event;
    });
  }

  private finish(): void {
    for (const stream of [...this.streams]) stream.finish();
  }
}
