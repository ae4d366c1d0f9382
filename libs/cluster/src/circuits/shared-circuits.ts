import type { Clock, Random } from '@nest-resilience/core';
import {
  type CircuitCause,
  type CircuitNews,
  type CircuitPeers,
  type PeerCircuit,
  RecentMap,
  repeat,
  repeatAfterEach,
} from '@nest-resilience/core/kit';
import type { BusAnswer, CircuitBus, SharedNews } from './circuit-bus.js';

/** The circuits of this process. */
export interface LocalCircuits {
  find(name: string): PeerCircuit | undefined;
  all(): Iterable<PeerCircuit>;
}

interface Parts {
  readonly bus: CircuitBus;
  readonly clock: Clock;
  readonly random: Random;
  /** How long a probe is this replica's; renewed while one is on the way. Milliseconds. */
  readonly leaseMs: number;
  /** How often it looks for news that got lost, +-20 %. Milliseconds. */
  readonly catchUpMs: number;
}

/** What this replica knows of a circuit beyond its state. */
interface Mark {
  epoch: number;
  /** Open everywhere, and not here alone. */
  shared: boolean;
  asking: boolean;
  askAt: number;
  /** The probe is this replica's until then. */
  grantedUntil: number;
  /** What nobody has heard yet. */
  owed: { readonly news: CircuitNews; readonly cause: CircuitCause } | undefined;
}

/** Circuits that exist nowhere here yet, or not any more, are remembered for so many names. */
const MAX_STANDING = 10_000;
/** Names with a longer key stay local: keys come from callers, and Redis has to keep them. */
const MAX_NAME = 256;
const ASK_AGAIN_MS = { min: 20, max: 250 };

/**
 * Makes circuits of many replicas agree. Each keeps its own window and decides from memory: nothing here waits, and a closed circuit
 * never comes here.
 */
export class SharedCircuits implements CircuitPeers {
  readonly counts = { votes: 0, granted: 0, taken: 0, adopted: 0 };
  replicas = 1;
  private readonly marks = new WeakMap<PeerCircuit, Mark>();
  private readonly standing = new RecentMap<SharedNews & { readonly at: number }>(MAX_STANDING);
  private readonly probers = new Set<PeerCircuit>();
  private local: LocalCircuits = { find: () => undefined, all: () => [] };
  /** Up to here nothing is missing; of what came later some may have got lost. */
  private latest = 0;
  private highest = 0;
  private owes = false;
  private stops: (() => void)[] = [];

  constructor(private readonly parts: Parts) {}

  /** Resolves when it knows what the others know. */
  async start(local: LocalCircuits): Promise<void> {
    const { bus, clock, random, leaseMs, catchUpMs } = this.parts;
    this.local = local;
    bus.onReturn(() => void this.catchUp());
    this.stops = [
      repeatAfterEach(
        clock,
        () => catchUpMs * (0.8 + 0.4 * random()),
        () => this.catchUp(),
      ),
      repeat(clock, leaseMs / 3, () => this.renew()),
    ];
    await bus.onNews((news) => this.hear(news));
    await this.catchUp();
  }

  stop(): void {
    for (const stop of this.stops) stop();
  }

  joined(circuit: PeerCircuit): void {
    if (this.standing.size === 0) return;
    const known = this.standing.peek(circuit.name);
    if (known !== undefined) this.take(circuit, known, this.parts.clock.now() - known.at);
  }

  changed(circuit: PeerCircuit, news: CircuitNews, cause: CircuitCause): void {
    if (circuit.name.length > MAX_NAME) return;
    const mark = this.markOf(circuit);
    mark.grantedUntil = -Infinity;
    mark.owed = undefined;
    void this.tell(circuit, mark, news, cause);
  }

  mayProbe(circuit: PeerCircuit, now: number): boolean {
    const mark = this.marks.get(circuit);
    // As without a cluster: it is open here alone, or there is nobody to ask.
    if (mark === undefined || !mark.shared || this.parts.bus.isAway) return true;
    if (now < mark.grantedUntil) return true;
    if (!mark.asking && now >= mark.askAt) void this.ask(circuit, mark);
    return false;
  }

  private async tell(circuit: PeerCircuit, mark: Mark, news: CircuitNews, cause: CircuitCause): Promise<void> {
    const question = { circuit: circuit.name, epoch: mark.epoch };
    const { bus } = this.parts;
    let answer: BusAnswer | undefined;
    if (cause === 'by_hand') answer = await bus.force({ ...question, news, unless: false });
    else if (cause === 'probed' && mark.shared) answer = await bus.done({ ...question, news });
    else if (news.kind === 'open') {
      this.counts.votes++;
      mark.shared = false;
      answer = await bus.vote({ ...question, opening: news });
    } else return;
    if (answer === undefined) {
      mark.owed = { news, cause };
      this.owes = true;
    } else this.understand(circuit, mark, answer);
  }

  private async ask(circuit: PeerCircuit, mark: Mark): Promise<void> {
    const { bus, clock, random, leaseMs } = this.parts;
    const { standing } = circuit;
    const askedAt = clock.now();
    mark.asking = true;
    const timesOpened = standing?.kind === 'open' ? standing.timesOpened : 1;
    const answer = await bus.probe({ circuit: circuit.name, epoch: mark.epoch, timesOpened });
    mark.asking = false;
    if (answer === undefined) return;
    if (answer.kind === 'granted') {
      this.counts.granted++;
      mark.epoch = answer.epoch;
      mark.grantedUntil = askedAt + leaseMs;
      this.probers.add(circuit);
    } else if (answer.kind === 'taken') {
      this.counts.taken++;
      const { min, max } = ASK_AGAIN_MS;
      mark.askAt = clock.now() + Math.min(max, Math.max(min, answer.forMs)) * (0.5 + 0.5 * random());
    } else this.understand(circuit, mark, answer);
  }

  /** Only while a probe is on the way: one that got none gives it to others. */
  private renew(): void {
    for (const circuit of this.probers) {
      if (circuit.isProbing) void this.ask(circuit, this.markOf(circuit));
      else this.probers.delete(circuit);
    }
  }

  private understand(circuit: PeerCircuit, mark: Mark, answer: BusAnswer): void {
    if (answer.kind === 'holds') this.hear(answer, circuit);
    if (answer.kind !== 'made' || answer.epoch <= mark.epoch) return;
    this.note(answer);
    mark.epoch = answer.epoch;
    mark.shared = answer.news.kind === 'open';
  }

  private hear(heard: SharedNews, circuit = this.local.find(heard.circuit)): void {
    this.note(heard);
    if (circuit !== undefined) this.take(circuit, heard, 0);
  }

  private take(circuit: PeerCircuit, { news, epoch }: SharedNews, ageMs: number): void {
    const mark = this.markOf(circuit);
    if (epoch <= mark.epoch) return;
    Object.assign(mark, { epoch, shared: news.kind === 'open', grantedUntil: -Infinity, askAt: 0, owed: undefined });
    this.counts.adopted++;
    circuit.adopt(news.kind === 'open' ? { ...news, forMs: Math.max(0, news.forMs - ageMs) } : news);
  }

  private note(heard: SharedNews): void {
    const { kind } = heard.news;
    this.highest = Math.max(this.highest, heard.epoch);
    const known = this.standing.peek(heard.circuit);
    if (known !== undefined && known.epoch >= heard.epoch) return;
    if (kind === 'recovered' || kind === 'closed' || kind === 'reset') this.standing.delete(heard.circuit);
    else this.standing.set(heard.circuit, { ...heard, at: this.parts.clock.now() });
  }

  private async catchUp(): Promise<void> {
    if (this.owes && !this.parts.bus.isAway) await this.payDebts();
    const found = await this.parts.bus.catchUp(this.latest);
    if (found === undefined) return;
    const { latest, news, replicas } = found;
    const lost = latest < this.highest;
    if (lost) this.highest = latest;
    this.latest = latest;
    this.replicas = Math.max(1, replicas);
    for (const one of news) this.hear(one);
    if (lost) await this.remind();
  }

  private async payDebts(): Promise<void> {
    this.owes = false;
    for (const circuit of this.local.all()) {
      const mark = this.marks.get(circuit);
      const owed = mark?.owed;
      if (mark === undefined || owed === undefined) continue;
      mark.owed = undefined;
      const { standing } = circuit;
      const news = owed.news.kind === 'open' && standing?.kind === 'open' ? standing : owed.news;
      if (owed.cause === 'by_hand' || news.kind !== 'open' || news === standing)
        await this.tell(circuit, mark, news, owed.cause);
    }
  }

  /** Redis lost everything: what operators switched must hold for replicas to come, too. */
  private async remind(): Promise<void> {
    for (const circuit of this.local.all()) {
      const { standing } = circuit;
      if (standing === undefined || standing.kind === 'open') continue;
      const mark = this.markOf(circuit);
      const question = { circuit: circuit.name, epoch: mark.epoch, news: standing, unless: true };
      const answer = await this.parts.bus.force(question);
      if (answer !== undefined) this.understand(circuit, mark, answer);
    }
  }

  private markOf(circuit: PeerCircuit): Mark {
    const known = this.marks.get(circuit);
    if (known !== undefined) return known;
    const mark: Mark = { epoch: 0, shared: false, asking: false, askAt: 0, grantedUntil: -Infinity, owed: undefined };
    this.marks.set(circuit, mark);
    return mark;
  }
}
