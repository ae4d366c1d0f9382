import type { FactoryProvider } from '@nestjs/common';
import type { CountedDeadLetterStore } from '../../dead-letter/counted.store.js';
import { DeadLetterStore } from '../../dead-letter/dead-letter.store.js';
import type { Clock } from '../../engine/clock.js';
import { ResilienceService } from '../resilience.service.js';
import { RESILIENCE_CLOCK } from '../tokens.js';
import { deadLetterFigures } from './dead-letter.figures.js';
import { type EngineCounts, engineFigures } from './engine.figures.js';
import { FigureTable } from './figure-table.js';

/** The table with what the core counts. */
export const figureTable: FactoryProvider<FigureTable> = {
  provide: FigureTable,
  inject: [ResilienceService, DeadLetterStore, RESILIENCE_CLOCK],
  useFactory: (counts: EngineCounts, store: CountedDeadLetterStore, clock: Clock) => {
    const table = new FigureTable();
    table.add(...engineFigures(counts), ...deadLetterFigures(store, clock));
    return table;
  },
};
