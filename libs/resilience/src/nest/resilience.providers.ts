import { Logger, type Provider } from '@nestjs/common';

import { CountedDeadLetterStore } from '../dead-letter/store/counted.store.js';
import { FailedCallCapture } from '../dead-letter/capture/capture.js';
import { DeadLetterService } from '../dead-letter/dead-letter.service.js';
import { StoringDeadLetterSink, type StoringSinkParts } from '../dead-letter/dead-letter.sink.js';
import type { DeadLetterStore as Store } from '../dead-letter/store/dead-letter.store.js';
import { DeadLetterStore } from '../dead-letter/store/dead-letter.store.js';
import { DeadLetterWriter } from '../dead-letter/dead-letter.writer.js';
import { MemoryDeadLetterStore } from '../dead-letter/store/memory.store.js';
import { loadTraceContext } from '../dead-letter/capture/trace-context.js';
import { classifyError } from '../engine/classifier/classify-error.js';
import { systemClock } from '../engine/clock.js';
import { parseDuration } from '../engine/duration.js';
import { createPolicyContext, type PolicyContext } from '../engine/policy-context.js';
import { systemRandom } from '../engine/random.js';
import { PolicyRegistry } from '../policy/policy-registry.js';
import { EventHub } from './event-hub.js';
import { warnOfOpenFiles } from './open-files.warning.js';
import { PolicyBook } from './policy-book.js';
import type { ResolvedModuleOptions } from './resilience.options.js';
import { StoreFaults } from './store-faults.js';
import { ResilienceRuntime } from './resilience.runtime.js';
import {
  RESILIENCE_CLOCK,
  RESILIENCE_EVENTS,
  RESILIENCE_MODULE_OPTIONS,
  RESILIENCE_RANDOM,
  RESILIENCE_RUNTIME,
} from './tokens.js';

const CONTEXT = Symbol.for('nest-resilience:context');

const logger = new Logger('Resilience:Core');

/** Pure factories: what an application's policies are made of. */
export const runtimeProviders: Provider[] = [
  {
    provide: RESILIENCE_CLOCK,
    inject: [RESILIENCE_MODULE_OPTIONS],
    useFactory: ({ input }: ResolvedModuleOptions) => input.clock ?? systemClock,
  },
  {
    provide: RESILIENCE_RANDOM,
    inject: [RESILIENCE_MODULE_OPTIONS],
    useFactory: ({ input }: ResolvedModuleOptions) => input.random ?? systemRandom,
  },
  {
    provide: RESILIENCE_EVENTS,
    inject: [RESILIENCE_MODULE_OPTIONS],
    useFactory: ({ input }: ResolvedModuleOptions) => {
      const hub = new EventHub();
      if (input.events !== undefined) hub.add(input.events);
      return hub;
    },
  },
  {
    provide: CONTEXT,
    inject: [RESILIENCE_CLOCK, RESILIENCE_RANDOM, RESILIENCE_EVENTS],
    useFactory: (clock: PolicyContext['clock'], random: PolicyContext['random'], events: PolicyContext['events']) =>
      createPolicyContext({ clock, random, events }),
  },
  {
    provide: DeadLetterStore,
    inject: [RESILIENCE_CLOCK, RESILIENCE_MODULE_OPTIONS, StoreFaults],
    useFactory: async (clock: PolicyContext['clock'], { input }: ResolvedModuleOptions, faults: StoreFaults) => {
      const { spillDirectory } = input.deadLetter ?? {};
      const given: Store = input.deadLetter?.store ?? new MemoryDeadLetterStore();
      if (spillDirectory !== undefined) warnOfOpenFiles(spillDirectory);
      const recheck = (): Promise<unknown> => given.probe?.() ?? given.get('probe');
      const store = new CountedDeadLetterStore(
        faults.watch(given, { name: given.name, recheck, lastingOnly: true }),
        clock,
      );
      await store.start();
      return store;
    },
  },
  {
    provide: DeadLetterWriter,
    inject: [DeadLetterStore, RESILIENCE_CLOCK, RESILIENCE_MODULE_OPTIONS],
    useFactory: (store: CountedDeadLetterStore, clock: PolicyContext['clock'], { input }: ResolvedModuleOptions) =>
      new DeadLetterWriter({
        ...{ store, clock, failure: store.failure, spillDirectory: input.deadLetter?.spillDirectory, log: logger },
        storeTimeoutMs: parseDuration(input.deadLetter?.storeTimeout),
      }),
  },
  {
    provide: RESILIENCE_RUNTIME,
    inject: [CONTEXT, DeadLetterWriter, DeadLetterStore, RESILIENCE_MODULE_OPTIONS],
    useFactory: async (
      context: PolicyContext,
      writer: DeadLetterWriter,
      store: Store,
      { input }: ResolvedModuleOptions,
    ) => {
      const capture = new FailedCallCapture({
        clock: context.clock,
        classify: classifyError,
        traceparent: await loadTraceContext(),
      });
      return createRuntime(context, { capture, writer }, store, new PolicyBook(input.policies, input.defaults));
    },
  },
  {
    provide: DeadLetterService,
    inject: [DeadLetterStore, CONTEXT, RESILIENCE_RUNTIME, RESILIENCE_MODULE_OPTIONS],
    useFactory: (store: Store, context: PolicyContext, runtime: ResilienceRuntime, { input }: ResolvedModuleOptions) =>
      new DeadLetterService({
        store,
        clock: context.clock,
        events: context.events,
        replay: (target, args) => runtime.replay(target, args),
        keep: (call) => runtime.keep(call),
        knowsTarget: (target) => runtime.hasTarget(target),
        codecOf: (target) => runtime.deadLetterOptionsOf(target),
        mayCall: (target, args) => runtime.mayCall(target, args),
        ...(input.deadLetter?.retention && { retention: input.deadLetter.retention }),
        ...(input.deadLetter?.autoRedrive !== undefined && { autoRedrive: input.deadLetter.autoRedrive }),
      }),
  },
];

function createRuntime(
  context: PolicyContext,
  { capture, writer }: Pick<StoringSinkParts, 'capture' | 'writer'>,
  store: Store,
  book: PolicyBook,
): ResilienceRuntime {
  let warned = store.durable;
  const runtime: ResilienceRuntime = new ResilienceRuntime(
    new PolicyRegistry({
      context,
      warn: (message) => logger.warn(message),
      deadLetters: (options, target) => {
        if (!warned) {
          logger.warn(
            `Dead letters (${target} and others) are kept in memory: nothing outlives this process. ` +
              "Give ResilienceModule.forRoot({ deadLetter: { store } }) a durable one, e.g. sqliteStore({ file }) of '@nest-resilience/store-sql'",
          );
        }
        warned = true;
        const sink = new StoringDeadLetterSink({ capture, writer, events: context.events }, options);
        runtime.rememberSink(target, options, sink);
        return sink;
      },
    }),
    book,
  );
  return runtime;
}
