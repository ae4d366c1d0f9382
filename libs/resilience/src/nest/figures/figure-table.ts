import { Inject, Injectable } from '@nestjs/common';
import type { CountedDeadLetterStore } from '../../dead-letter/counted.store.js';
import { DeadLetterStore } from '../../dead-letter/dead-letter.store.js';
import type { Clock } from '../../engine/clock.js';
import { ResilienceService } from '../resilience.service.js';
import { RESILIENCE_CLOCK } from '../tokens.js';
import { deadLetterFigures } from './dead-letter.figures.js';
import { engineFigures, type EngineCounts } from './engine.figures.js';
import type { DurationFigure, Figure } from './figure.js';

type Row = Figure | DurationFigure;

/** Every figure of an application, each described once: what the engine counts, and what other modules add. */
@Injectable()
export class FigureTable {
  private readonly rows: Row[] = [];
  private readonly readers = new Set<(row: Row) => void>();

  constructor(
    @Inject(ResilienceService) counts: EngineCounts,
    @Inject(DeadLetterStore) store: CountedDeadLetterStore,
    @Inject(RESILIENCE_CLOCK) clock: Clock,
  ) {
    this.add(...engineFigures(counts), ...deadLetterFigures(store, clock));
  }

  add(...rows: readonly Row[]): void {
    this.rows.push(...rows);
    for (const reader of this.readers) rows.forEach(reader);
  }

  /** Calls with those there are and those to come. Returns what ends it. */
  each(reader: (row: Row) => void): () => void {
    this.rows.forEach(reader);
    this.readers.add(reader);
    return () => void this.readers.delete(reader);
  }
}
