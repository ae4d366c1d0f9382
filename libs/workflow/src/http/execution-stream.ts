import { Readable } from 'node:stream';
import type { LiveEvent } from './execution-events.js';
import type { FollowedExecution, FramedEvent } from './followed-execution.js';

/** While more than this waits for the client nothing is added; one that reads nothing between two heartbeats is let go. Bytes. */
const MAX_BUFFERED = 1_048_576;

const HEARTBEAT = ':\n\n';

/** Server-sent events of one execution for one client, until it has ended, the client goes away, or the stream is destroyed. */
export class ExecutionStream extends Readable {
  private over = false;
  private ended = false;
  private hasRead = true;
  private events: readonly FramedEvent[] = [];
  private readonly told = new Map<string, Partial<Record<LiveEvent['type'], number>>>();

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

  /**
   * All events so far; those that this client has seen are left out.
   * @param ended there will be no others
   * @param live what goes on now; nothing of it is kept for a client that is slow
   */
  tell(events: readonly FramedEvent[], ended: boolean, live: readonly LiveEvent[] = []): void {
    this.events = events;
    this.ended = ended;
    this.send();
    for (const event of live) if (!this.over && !this.isFull && this.isNew(event)) this.push(event.frame);
  }

  beat(): void {
    if (!this.isFull) return void this.push(HEARTBEAT);
    // It may come back with `Last-Event-ID`.
    if (!this.hasRead) this.finish();
    this.hasRead = false;
  }

  /** Ends it in an orderly way: the client may come back. */
  finish(): void {
    if (this.over) return;
    this.letGo();
    this.push(null);
  }

  /** Everything is pushed when it happens, unless too much waits already. */
  override _read(): void {
    this.hasRead = true;
    // What is being read now still counts as buffered.
    process.nextTick(() => this.send());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.letGo();
    done(error);
  }

  private get isFull(): boolean {
    return this.readableLength > MAX_BUFFERED;
  }

  private send(): void {
    for (const event of this.events) {
      if (this.over || this.isFull) return;
      if (event.id <= this.sentId) continue;
      this.sentId = event.id;
      this.push(event.frame);
    }
    if (this.ended) this.finish();
  }

  private isNew({ node, type, order }: LiveEvent): boolean {
    const told = this.told.get(node) ?? {};
    if (order <= (told[type] ?? -1)) return false;
    this.told.set(node, type === 'node.started' ? { [type]: order } : { ...told, [type]: order });
    return true;
  }

  private letGo(): void {
    this.over = true;
    this.followed.remove(this);
  }
}
