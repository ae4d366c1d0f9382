import type { FactoryProvider } from '@nestjs/common';
import type { CountedDeadLetterStore } from '../../dead-letter/store/counted.store.js';
import { DeadLetterStore } from '../../dead-letter/store/dead-letter.store.js';
import type { Clock } from '../../engine/clock.js';
import type { ResilienceRuntime } from '../resilience.runtime.js';
import { RESILIENCE_CLOCK, RESILIENCE_RUNTIME } from '../tokens.js';
import { deadLetterFigures } from './dead-letter.figures.js';
import { callFigures } from './call.figures.js';
import { FigureTable } from './figure-table.js';

/** The table with what the core counts. */
export const figureTable: FactoryProvider<FigureTable> = {
  provide: FigureTable,
  inject: [RESILIENCE_RUNTIME, DeadLetterStore, RESILIENCE_CLOCK],
  useFactory: ({ registry }: ResilienceRuntime, store: CountedDeadLetterStore, clock: Clock) => {
    const table = new FigureTable();
    table.add(...callFigures(registry.stats), ...registry.figures(), ...deadLetterFigures(store, clock));
    return table;
  },
};
