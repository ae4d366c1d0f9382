import { Readable } from 'node:stream';
import type { FollowedExecution, FramedEvent } from './followed-execution.js';

/** A stream whose client lets more than this pile up is ended; it can come back with `Last-Event-ID`. Bytes. */
const MAX_BUFFERED = 1_048_576;

const HEARTBEAT = ':\n\n';

/** Server-sent events of one execution for one client, until it has ended, the client goes away, or the stream is destroyed. */
export class ExecutionStream extends Readable {
  private over = false;

  /** @param sentId only later events than this */
  constructor(
    private readonly followed: FollowedExecution,
    private sentId: number,
  ) {
    super();
    // The first byte goes out at once: only with it does the client see that it is connected.
    this.push(HEARTBEAT);
    followed.add(this);
  }

  /** All events so far; those that this client has seen are left out. */
  tell(events: readonly FramedEvent[]): void {
    for (const event of events) {
      if (event.id <= this.sentId) continue;
      this.sentId = event.id;
      this.push(event.frame);
    }
    if (this.readableLength > MAX_BUFFERED) this.finish();
  }

  beat(): void {
    this.push(HEARTBEAT);
  }

  /** Ends it in an orderly way: the client may come back. */
  finish(): void {
    if (this.over) return;
    this.letGo();
    this.push(null);
  }

  override _read(): void {
    // Everything is pushed when it happens.
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.letGo();
    done(error);
  }

  private letGo(): void {
    this.over = true;
    this.followed.remove(this);
  }
}
