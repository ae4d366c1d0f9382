/** What circuits of several processes tell each other. Durations, never times: their clocks differ. */
export type CircuitNews =
  | { readonly kind: 'open'; readonly forMs: number; readonly timesOpened: number }
  /** Its probes ended well. */
  | { readonly kind: 'recovered' }
  /** By hand, as are the following. */
  | { readonly kind: 'closed' | 'reset' | 'forced_open' | 'disabled' | 'metrics_only' };

/** What made the news: too many failures, the end of its probes, or an operator. */
export type CircuitCause = 'tripped' | 'probed' | 'by_hand';

/** A circuit in the eyes of its peers. */
export interface PeerCircuit {
  /** The same in every process. */
  readonly name: string;
  /** A probe is on the way. */
  readonly isProbing: boolean;
  /** What there is to tell somebody who knows nothing of it; nothing of one that admits and learns as usual. */
  readonly standing: CircuitNews | undefined;
  /** Takes over what another process said, and tells nobody. */
  adopt(news: CircuitNews): void;
}

/**
 * What other processes know of the circuits of this one. Nobody waits for it: a circuit decides from memory, and one that is closed asks
 * nothing.
 */
export interface CircuitPeers {
  /** There is a circuit that was not there before. */
  joined(circuit: PeerCircuit): void;
  changed(circuit: PeerCircuit, news: CircuitNews, cause: CircuitCause): void;
  /** A call wants to be a probe: may it? Answers at once; after a `false` the call is refused, and the next one asks again. */
  mayProbe(circuit: PeerCircuit, now: number): boolean;
}
