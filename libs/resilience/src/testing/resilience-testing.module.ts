import { type DynamicModule, Module } from '@nestjs/common';
import type { ResilienceModuleOptions } from '../nest/resilience.options.js';
import { ResilienceModule } from '../nest/resilience.module.js';
import { FakeClock } from './fake-clock.js';
import { RecordingEvents } from './recording-events.js';
import { seededRandom } from './seeded-random.js';

/** Module options whose time stands still, whose chance repeats and whose events are kept. */
export type ResilienceTestingOptions = ResilienceModuleOptions & {
  readonly clock: FakeClock;
  readonly events: RecordingEvents;
};

/**
 * `ResilienceModule` for tests: time only passes in `clock.advance()`, jitter is the same in every run.
 *
 * @example
 * const { clock, events, ...options } = ResilienceTestingModule.options();
 * await Test.createTestingModule({ imports: [ResilienceModule.forRoot({ clock, events, ...options })], providers: [Payments] }).compile();
 */
@Module({})
export class ResilienceTestingModule {
  /** Options for `ResilienceModule.forRoot`; keep `clock` and `events` to move time and to read what happened. */
  static options({
    seed = 1,
    ...options
  }: ResilienceModuleOptions & { readonly seed?: number } = {}): ResilienceTestingOptions {
    return { random: seededRandom(seed), ...options, clock: new FakeClock(), events: new RecordingEvents() };
  }

  /** Stands in for `ResilienceModule.forRoot(options)`; read clock and events with `app.get(FakeClock)`, `app.get(RecordingEvents)`. */
  static forRoot(options?: ResilienceModuleOptions & { readonly seed?: number }): DynamicModule {
    const made = ResilienceTestingModule.options(options);
    return {
      module: ResilienceTestingModule,
      global: true,
      imports: [ResilienceModule.forRoot(made)],
      providers: [
        { provide: FakeClock, useValue: made.clock },
        { provide: RecordingEvents, useValue: made.events },
      ],
      exports: [FakeClock, RecordingEvents],
    };
  }
}
