import type { ExecutionNews, Worker } from '../../cluster/seams.js';
import type { Work } from '../../ledger/execution-store.js';
import type { SimulatedReplica } from './simulated-replica.js';
import type { SimulatedTime } from './simulated-time.js';

/** Of all messages, how many get lost, and how many come twice. */
const ODDS = 0.02;
const NOBODY_MS = 100;

interface Member {
  readonly replica: SimulatedReplica;
  worker: Worker | undefined;
  atWork: number;
  readonly listeners: ((news: ExecutionNews) => void)[];
  readonly forgotten: (() => void)[];
}

/** What carries work and news between replicas. It loses, doubles and forgets. */
export class SimulatedBroker {
  private members: Member[] = [];
  private waiting = new Map<string, Work>();
  lost = 0;

  constructor(private readonly time: SimulatedTime) {}

  join(replica: SimulatedReplica): Member {
    const member: Member = { replica, worker: undefined, atWork: 0, listeners: [], forgotten: [] };
    this.members.push(member);
    return member;
  }

  leave(member: Member): void {
    this.members = this.members.filter((each) => each !== member);
  }

  offer(from: SimulatedReplica, work: readonly Work[]): void {
    for (const each of work) {
      const key = `${each.id}-${each.fence}`;
      if (this.waiting.has(key)) continue;
      if (from.isCut || this.time.random() < ODDS) {
        this.lost++;
        continue;
      }
      this.waiting.set(key, each);
      this.time.at(this.time.between(1, 6), () => this.give(key));
      if (this.time.random() < ODDS) this.time.at(this.time.between(50, 3_000), () => this.give(key, each));
    }
  }

  tell(from: SimulatedReplica, news: ExecutionNews): void {
    if (from.isCut) return;
    for (const { replica, listeners } of this.members) {
      if (replica === from || this.time.random() < ODDS) continue;
      this.time.at(this.time.between(1, 5), () =>
        replica.soon(() => (replica.isCut ? undefined : listeners.forEach((listen) => listen(news)))),
      );
    }
  }

  /** It comes back empty, and one of the replicas finds that out. */
  flush(): void {
    this.waiting.clear();
    const member = this.time.pick(this.members);
    member?.replica.soon(() => member.forgotten.forEach((listen) => listen()));
  }

  private give(key: string, twice?: Work): void {
    const work = twice ?? this.waiting.get(key);
    if (!work) return;
    const able = this.members.filter(
      ({ replica, worker, atWork }) => worker !== undefined && !replica.isCut && atWork < worker.concurrency,
    );
    const member = this.time.pick(able);
    if (!member) return this.time.at(NOBODY_MS, () => this.give(key, twice));
    this.waiting.delete(key);
    member.atWork++;
    member.replica.soon(() => void this.run(member, work));
  }

  private async run(member: Member, work: Work): Promise<void> {
    const outcome = member.worker ? await member.worker.run(work) : 'stopping';
    member.atWork--;
    if (outcome === 'unknown_version' || outcome === 'stopping')
      this.time.at(outcome === 'stopping' ? 0 : 5_000, () => this.offer(member.replica, [work]));
  }
}

export type { Member };
