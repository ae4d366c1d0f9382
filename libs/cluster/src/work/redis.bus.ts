import type { ExecutionBus, ExecutionNews } from '@nest-resilience/workflow';
import type { RedisConnection } from '../connection/redis.connection.js';

const CHANNEL = 'x';
/** News of one message. */
const BATCH = 200;

/** As it is sent; the kinds of news are one letter each. */
interface Message {
  readonly v: 1;
  readonly by: string;
  readonly n: readonly (readonly [keyof typeof KINDS, string])[];
}

const KINDS = { c: 'changed', e: 'ended', x: 'cancelled' } as const;
const LETTERS = { changed: 'c', ended: 'e', cancelled: 'x' } as const;

/** News of executions over Redis: those of one turn of the event loop go together. */
export class RedisBus implements ExecutionBus {
  private pending = new Map<string, ExecutionNews>();

  constructor(private readonly redis: RedisConnection) {}

  publish(news: ExecutionNews): void {
    if (this.pending.size === 0) setImmediate(() => this.flush());
    this.pending.set(`${news.kind}:${news.id}`, news);
  }

  subscribe(listen: (news: ExecutionNews) => void): void {
    this.redis.listen(CHANNEL, (text) => {
      const message = read(text);
      if (!message || message.by === this.redis.options.replicaId) return;
      for (const [letter, id] of message.n) if (letter in KINDS) listen({ kind: KINDS[letter], id });
    });
  }

  private flush(): void {
    const news = [...this.pending.values()];
    this.pending = new Map();
    for (let from = 0; from < news.length; from += BATCH) {
      const n = news.slice(from, from + BATCH).map(({ kind, id }) => [LETTERS[kind], id] as const);
      const message: Message = { v: 1, by: this.redis.options.replicaId, n };
      void this.redis.publish(CHANNEL, JSON.stringify(message));
    }
  }
}

/** `undefined` for what no release of ours has sent. */
function read(text: string): Message | undefined {
  try {
    const message = JSON.parse(text) as Message;
    return message.v === 1 && Array.isArray(message.n) ? message : undefined;
  } catch {
    return undefined;
  }
}
