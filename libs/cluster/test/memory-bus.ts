import type { CircuitNews } from '@nest-resilience/core/kit';
import type { BusAnswer, CaughtUp, CircuitBus, SharedNews } from '../src/circuits/circuit-bus.js';

interface Kept extends SharedNews {
  readonly till: number;
}

/** What Redis would keep, for specs: the same rules, and faults by hand. */
export class MemoryServer {
  readonly kept = new Map<string, Kept>();
  readonly listeners = new Map<string, (news: SharedNews) => void>();
  readonly asked: string[] = [];
  private readonly votes = new Map<string, Set<string>>();
  private readonly leases = new Map<string, { readonly of: string; readonly epoch: number; readonly till: number }>();
  private epoch = 0;

  constructor(
    private readonly now: () => number,
    readonly quorum: number,
    readonly leaseMs: number,
  ) {}

  get latest(): number {
    return this.epoch;
  }

  flush(): void {
    this.kept.clear();
    this.votes.clear();
    this.leases.clear();
    this.epoch = 0;
  }

  remaining({ circuit, epoch, news, till }: Kept): SharedNews {
    return { circuit, epoch, news: news.kind === 'open' ? { ...news, forMs: Math.max(0, till - this.now()) } : news };
  }

  write(by: string, circuit: string, news: CircuitNews, known: number): BusAnswer {
    this.epoch = Math.max(this.epoch, known, this.now() * 1_000) + 1;
    const shared = { circuit, news, epoch: this.epoch };
    this.kept.set(circuit, { ...shared, till: this.now() + (news.kind === 'open' ? news.forMs : 0) });
    for (const [replica, listener] of this.listeners) if (replica !== by) listener(shared);
    return { kind: 'made', ...shared };
  }

  vote(by: string, circuit: string, news: CircuitNews, known: number): BusAnswer {
    const kept = this.kept.get(circuit);
    const byHand = ['forced_open', 'disabled', 'metrics_only'].includes(kept?.news.kind ?? '');
    if (kept && (byHand || (kept.news.kind === 'open' && kept.till > this.now())))
      return { kind: 'holds', ...this.remaining(kept) };
    const votes = this.votes.get(circuit) ?? new Set();
    this.votes.set(circuit, votes.add(by));
    if (votes.size < this.quorum) return { kind: 'voted' };
    this.votes.delete(circuit);
    return this.write(by, circuit, news, known);
  }

  probe(by: string, circuit: string, known: number, timesOpened: number): BusAnswer {
    if (!this.kept.has(circuit)) this.write(by, circuit, { kind: 'open', forMs: 0, timesOpened }, known);
    const kept = this.kept.get(circuit)!;
    if (kept.news.kind !== 'open' || kept.till > this.now()) return { kind: 'holds', ...this.remaining(kept) };
    const lease = this.leases.get(circuit);
    const { epoch } = kept;
    if (lease && lease.of !== by && lease.epoch === epoch && lease.till > this.now())
      return { kind: 'taken', forMs: lease.till - this.now() };
    this.leases.set(circuit, { of: by, epoch, till: this.now() + this.leaseMs });
    return { kind: 'granted', epoch };
  }
}

/** The end of one replica. */
export class MemoryBus implements CircuitBus {
  private returned: () => void = () => undefined;
  private away = false;

  constructor(
    private readonly server: MemoryServer,
    private readonly replica: string,
  ) {}

  get isAway(): boolean {
    return this.away;
  }

  cut(): void {
    this.away = true;
  }

  heal(): void {
    this.away = false;
    this.returned();
  }

  vote({ circuit, epoch, opening }: Parameters<CircuitBus['vote']>[0]) {
    return this.reach('vote', () => this.server.vote(this.replica, circuit, opening, epoch));
  }

  probe({ circuit, epoch, timesOpened }: Parameters<CircuitBus['probe']>[0]) {
    return this.reach('probe', () => this.server.probe(this.replica, circuit, epoch, timesOpened));
  }

  done({ circuit, epoch, news }: Parameters<CircuitBus['done']>[0]) {
    return this.reach('done', () => {
      const kept = this.server.kept.get(circuit);
      if (kept && kept.epoch !== epoch) return { kind: 'holds', ...this.server.remaining(kept) } as const;
      return this.server.write(this.replica, circuit, news, epoch);
    });
  }

  force({ circuit, epoch, news, unless }: Parameters<CircuitBus['force']>[0]) {
    return this.reach('force', () => {
      const kept = this.server.kept.get(circuit);
      if (unless && kept) return { kind: 'holds', ...this.server.remaining(kept) } as const;
      return this.server.write(this.replica, circuit, news, epoch);
    });
  }

  catchUp(since: number): Promise<CaughtUp | undefined> {
    return this.reach('catchUp', () => {
      const { latest, kept } = this.server;
      const news = [...kept.values()].filter(({ epoch }) => epoch > (latest < since ? 0 : since));
      return { latest, replicas: this.server.listeners.size, news: news.map((one) => this.server.remaining(one)) };
    });
  }

  onNews(listener: (news: SharedNews) => void): Promise<void> {
    this.server.listeners.set(this.replica, (news) => {
      if (!this.away) listener(news);
    });
    return Promise.resolve();
  }

  onReturn(listener: () => void): void {
    this.returned = listener;
  }

  private async reach<T>(what: string, act: () => T): Promise<T | undefined> {
    if (this.away) return undefined;
    if (what !== 'catchUp') this.server.asked.push(`${this.replica} ${what}`);
    return Promise.resolve(act());
  }
}
