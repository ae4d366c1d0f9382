import { RecentDurations } from './recent-durations.js';

/** What the hedges of one policy did so far. */
export interface HedgeCounts {
  readonly name: string;
  /** Attempts that joined another. */
  readonly started: number;
  /** Of these, attempts that answered first. */
  readonly won: number;
}

/** What one policy name has counted and learnt; shared by all that carry the name. */
export class HedgeRecord implements HedgeCounts {
  started = 0;
  won = 0;
  readonly durations = new RecentDurations();

  constructor(readonly name: string) {}
}
