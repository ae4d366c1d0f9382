import { randomUUID } from 'node:crypto';
import type { Clock } from '@nest-resilience/core';
import type { CircuitNews } from '@nest-resilience/core/kit';
import type { RedisConnection } from '../connection/redis.connection.js';
import type { BusAnswer, CaughtUp, CircuitBus, SharedNews } from './circuit-bus.js';
import { CATCH_UP, DONE, FORCE, PROBE, VOTE } from './circuit-scripts.js';

/** A vote of a replica whose circuit has recovered since must not count for ever. */
const VOTE_COUNTS_MS = 60_000;
const CHANNEL = 'circuits';

type Reply = readonly (string | number)[];
type Told = Parameters<CircuitBus['done']>[0];

/** Circuits of many replicas in Redis: keys `{<prefix>:circuits}:...`, channel `<prefix>:circuits`. */
export class RedisCircuits implements CircuitBus {
  private readonly tag: string;
  private readonly scripts;
  /** From this process' clock to that of Redis; what Redis reads too late is told by it. */
  private offset: number | undefined;
  private readonly process = randomUUID();
  private isKnown = false;

  constructor(
    private readonly redis: RedisConnection,
    private readonly clock: Clock,
  ) {
    this.tag = redis.names.keys('circuits');
    const script = (name: string, lua: string) => redis.script<Reply>(`nr_circuit_${name}`, 5, lua);
    this.scripts = {
      ...{ vote: script('vote', VOTE), probe: script('probe', PROBE) },
      ...{ done: script('done', DONE), force: script('force', FORCE) },
      catchUp: redis.script<Reply>('nr_circuits', 4, CATCH_UP),
    };
  }

  get isAway(): boolean {
    return this.redis.isAway;
  }

  vote({ opening, ...question }: Parameters<CircuitBus['vote']>[0]): Promise<BusAnswer | undefined> {
    const { quorum } = this.redis.options;
    return this.run('vote', question, [...openingOf(opening), quorum, VOTE_COUNTS_MS]);
  }

  probe({ timesOpened, ...question }: Parameters<CircuitBus['probe']>[0]): Promise<BusAnswer | undefined> {
    return this.run('probe', question, [timesOpened, this.redis.options.lease]);
  }

  done({ news, ...question }: Told): Promise<BusAnswer | undefined> {
    return this.run('done', question, [news.kind, ...openingOf(news)]);
  }

  force({ news, unless, ...question }: Told & { readonly unless: boolean }): Promise<BusAnswer | undefined> {
    return this.run('force', question, [news.kind, ...openingOf(news), unless ? 1 : 0]);
  }

  async catchUp(since: number): Promise<CaughtUp | undefined> {
    const { replicaId, lease } = this.redis.options;
    const keys = ['s', 'e', 'r', `w:${replicaId}`].map((key) => `${this.tag}:${key}`);
    const reply = await this.redis.ask(() => this.scripts.catchUp(...keys, replicaId, since, lease, this.process));
    if (reply === undefined) return undefined;
    const [now, latest, replicas, isOther, ...rows] = reply as Reply;
    this.offset = Number(now) - this.clock.now();
    this.noteTwin(isOther === 1);
    const news: SharedNews[] = [];
    for (let i = 0; i < rows.length; i += 5) news.push(newsOf(String(rows[i]), rows.slice(i + 1, i + 5)));
    return { latest: Number(latest), replicas: Number(replicas), news };
  }

  async onNews(listener: (news: SharedNews) => void): Promise<void> {
    this.redis.listen(CHANNEL, (text) => {
      const { v, c, kind, epoch, ms, times, by } = JSON.parse(text) as Record<string, string | number>;
      if (v === 1 && by !== this.redis.options.replicaId) listener(newsOf(String(c), [kind!, epoch!, ms!, times!]));
    });
    await this.redis.whenListening();
  }

  onReturn(listener: () => void): void {
    this.redis.onReturn(listener);
  }

  /** The first look may find the process that was this replica before; a later one finds somebody who lives. */
  private noteTwin(isOther: boolean): void {
    const { complaints, options } = this.redis;
    const words = `another process is replica '${options.replicaId}', too: give each a replicaId of its own`;
    if (isOther && this.isKnown) complaints.set('replicaId', words);
    else complaints.delete('replicaId');
    this.isKnown = true;
  }

  private async run(
    script: 'vote' | 'probe' | 'done' | 'force',
    { circuit, epoch }: { readonly circuit: string; readonly epoch: number },
    more: Reply,
  ): Promise<BusAnswer | undefined> {
    const keys = ['s', 'i', 'e', `v:${circuit}`, `p:${circuit}`].map((key) => `${this.tag}:${key}`);
    const asked = this.offset === undefined ? 0 : Math.round(this.clock.now() + this.offset);
    const channel = this.redis.names.channel(CHANNEL);
    const { replicaId } = this.redis.options;
    const reply = await this.redis.ask(() =>
      this.scripts[script](...keys, circuit, replicaId, epoch, asked, channel, ...more),
    );
    return reply === undefined ? undefined : this.answerOf(circuit, reply as Reply);
  }

  private answerOf(circuit: string, [kind, first, ...more]: Reply): BusAnswer | undefined {
    switch (kind) {
      case 'made':
      case 'holds':
        return { kind, ...newsOf(circuit, [first!, ...more]) };
      case 'voted':
        return { kind };
      case 'granted':
        return { kind, epoch: Number(first) };
      case 'taken':
        return { kind, forMs: Number(first) };
      default:
        // Too late, or its clock was set: measured anew with the next sign of life.
        this.offset = undefined;
        return undefined;
    }
  }
}

function openingOf(news: CircuitNews): [ms: number, timesOpened: number] {
  return news.kind === 'open' ? [Math.round(news.forMs), news.timesOpened] : [0, 0];
}

function newsOf(circuit: string, [kind, epoch, ms, times]: Reply): SharedNews {
  const news = kind === 'open' ? { kind, forMs: Number(ms), timesOpened: Number(times) } : { kind };
  return { circuit, epoch: Number(epoch), news: news as CircuitNews };
}
