import type { DisturbanceKind } from './disturbance.js';

/** Attempts of one policy that were disturbed so far, by kind. */
export interface ChaosCounts extends Readonly<Record<DisturbanceKind, number>> {
  readonly name: string;
}

/** What one policy name has done to attempts; shared by all that carry the name. */
export class ChaosRecord implements ChaosCounts {
  fault = 0;
  latency = 0;
  result = 0;
  /** What the log was told last. */
  notice = '';

  constructor(readonly name: string) {}
}
