export interface HedgeStartedEvent {
  readonly policy: string;
  readonly executionId: string;
  /** Which one of those that join the first attempt, from 1. */
  readonly hedge: number;
}

export interface HedgeWonEvent {
  readonly policy: string;
  readonly executionId: string;
  /** Number of the attempt that answered before the one it joined. */
  readonly attempt: number;
}

export interface HedgeEvents {
  'resilience.hedge.started': HedgeStartedEvent;
  'resilience.hedge.won': HedgeWonEvent;
}
