import type { CircuitNews } from '@nest-resilience/core/kit';

/** News of one circuit. Of two, the one with the higher epoch holds. */
export interface SharedNews {
  readonly circuit: string;
  readonly news: CircuitNews;
  /** Microseconds of the server's clock, and always more than the one before. */
  readonly epoch: number;
}

export type BusAnswer =
  /** What was asked for holds from now on. */
  | ({ readonly kind: 'made' } & SharedNews)
  /** Something else holds. */
  | ({ readonly kind: 'holds' } & SharedNews)
  /** Counted; not enough replicas have said so yet. */
  | { readonly kind: 'voted' }
  /** The probe is yours for a time. */
  | { readonly kind: 'granted'; readonly epoch: number }
  /** Another replica probes; it may for so long. */
  | { readonly kind: 'taken'; readonly forMs: number };

/** By what the replica that asks knows of the circuit. */
interface Question {
  readonly circuit: string;
  readonly epoch: number;
}

type Opening = Extract<CircuitNews, { kind: 'open' }>;

export interface CaughtUp {
  /** The highest epoch there is. Lower than what was known: everything got lost. */
  readonly latest: number;
  readonly news: readonly SharedNews[];
  /** How many there are. */
  readonly replicas: number;
}

/** What carries news of circuits between replicas. Every promise is `undefined` when nobody answers in time; none rejects. */
export interface CircuitBus {
  /** Nobody answers at the moment. */
  readonly isAway: boolean;
  /** This replica opened a circuit by its own results. */
  vote(question: Question & { readonly opening: Opening }): Promise<BusAnswer | undefined>;
  /** A call is here and could be the probe. */
  probe(question: Question & { readonly timesOpened: number }): Promise<BusAnswer | undefined>;
  /** How the probe that was granted in this epoch ended. */
  done(question: Question & { readonly news: CircuitNews }): Promise<BusAnswer | undefined>;
  /** An operator's will. @param unless only if nothing is known of the circuit */
  force(question: Question & { readonly news: CircuitNews; readonly unless: boolean }): Promise<BusAnswer | undefined>;
  /** News since an epoch, and a sign of life. */
  catchUp(since: number): Promise<CaughtUp | undefined>;
  /** News of other replicas as they come; some get lost. Resolves when none does for want of listening. */
  onNews(listener: (news: SharedNews) => void): Promise<void>;
  /** Somebody answers again. */
  onReturn(listener: () => void): void;
}
