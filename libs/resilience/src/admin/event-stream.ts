import { Readable } from 'node:stream';
import { Subscription } from 'rxjs';
import type { Clock } from '../engine/clock.js';
import { repeat } from '../engine/repeat.js';
import type { EventFilter, EventLog, LoggedEvent } from './event-log.js';
import { ProblemException } from './problem.js';

export const DEFAULT_EVENT_STREAM_OPTIONS = {
  /** A comment goes out this often, so that proxies keep the connection and dead clients are noticed. */
  heartbeatMs: 15_000,
  /** A stream whose client lets more than this pile up is ended; it can come back with `Last-Event-ID`. */
  maxBufferedBytes: 1_048_576,
  /** Clients that follow at once; further ones are refused. */
  maxFollowers: 200,
} as const;

export interface EventStreamParts {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly filter: EventFilter;
  /** Events that came before, to begin with. */
  readonly limit: number;
  /** Only later ones than this. */
  readonly afterId: number;
}

/**
 * Server-sent events: the kept ones, then those that come, until the client goes away or the application ends.
 * @throws ProblemException 503 while too many follow
 */
export function eventStream({ log, clock, filter, limit, afterId }: EventStreamParts): Readable {
  const { maxFollowers } = DEFAULT_EVENT_STREAM_OPTIONS;
  if (log.followers >= maxFollowers) throw tooMany(maxFollowers);
  const live = new Subscription();
  const stream = new Readable({
    read: () => undefined,
    destroy(error, done) {
      live.unsubscribe();
      done(error);
    },
  });
  const end = (): void => {
    if (live.closed) return;
    live.unsubscribe();
    stream.push(null);
  };
  const write = (frame: string): void => {
    if (live.closed) return;
    stream.push(frame);
    if (stream.readableLength > DEFAULT_EVENT_STREAM_OPTIONS.maxBufferedBytes) end();
  };
  // The first byte goes out at once: only with it does the client see that it is connected.
  write(HEARTBEAT);
  const kept = log.recent(filter, limit);
  for (const event of missed(kept, afterId)) write(frameOf(event));
  live.add(log.following(filter).subscribe({ next: (event) => write(frameOf(event)), complete: end }));
  live.add(repeat(clock, DEFAULT_EVENT_STREAM_OPTIONS.heartbeatMs, () => write(HEARTBEAT)));
  return stream;
}

function tooMany(maxFollowers: number): ProblemException {
  return new ProblemException(
    503,
    'RESILIENCE_TOO_MANY_FOLLOWERS',
    `${maxFollowers} clients follow the events already. Ask GET /resilience/events without follow now and then.`,
    { 'Retry-After': '10' },
  );
}

const HEARTBEAT = ':\n\n';

/** A client that has seen more than there is comes from before a restart, when ids began anew. */
function missed(kept: readonly LoggedEvent[], afterId: number): readonly LoggedEvent[] {
  const restarted = (kept.at(-1)?.id ?? 0) < afterId;
  return restarted ? kept : kept.filter(({ id }) => id > afterId);
}

/** Each event goes to all who follow before the next one comes, so the last frame is the one that is wanted again. */
let last: { readonly event: LoggedEvent; readonly frame: string } | undefined;

/** JSON has no line breaks, and types come from code: nothing can break out of its line. */
function frameOf(event: LoggedEvent): string {
  if (last?.event !== event) {
    last = { event, frame: `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n` };
  }
  return last.frame;
}
