import type { ConfigurableModuleAsyncOptions } from '@nestjs/common';

import { AUTO_REDRIVE } from '../dead-letter/redrive/auto-redrive.options.js';
import { RETENTION } from '../dead-letter/store/retention.js';
import type { DeadLetterStore } from '../dead-letter/store/dead-letter.store.js';
import type { Clock } from '../engine/clock.js';
import type { EventSink } from '../engine/events.js';
import * as option from '../engine/option/index.js';
import type { Random } from '../engine/random.js';
import { neverShow } from '../engine/redaction/index.js';
import { type Policies, POLICY } from '../policy/policy.options.js';
import type { NamedPolicies } from './policy-book.js';

const NAMED_POLICIES = option.custom<NamedPolicies, NamedPolicies>((value, at) => {
  for (const [name, policy] of Object.entries(value as NamedPolicies)) POLICY.read(policy, at.at(name));
  return value as NamedPolicies;
});

const DEAD_LETTER = option.options({
  /** Where entries are kept. @default in memory, with a warning at boot when something uses `@DeadLetter` */
  store: option.withMethods<DeadLetterStore>('add', 'get', 'list'),
  /** Directory in which entries wait while the store fails. @default none: in memory */
  spillDirectory: option.text(),
  retention: RETENTION,
  /**
   * How long a failing call waits for the store before its entry goes to the spill.
   * @default 30 ms with a `spillDirectory`, 5 s without
   */
  storeTimeout: option.duration(undefined, { min: 1 }),
  /** Redrives pending entries without a person, while the circuit of their method is closed; `true`: with all defaults. @default false */
  autoRedrive: AUTO_REDRIVE,
});

const OPTIONS = option.options({
  /**
   * Policies for `@Resilient('name')` and `ResilienceService.execute('name', ...)`; one under the name of a decorated
   * `'Class.method'` is laid over its decorators, option by option. All can be changed while running: `reconfigure`.
   */
  policies: NAMED_POLICIES,
  /** What decorators and named policies leave out, e.g. `{ retry: { maxRetries: 2 } }`. Switches nothing on by itself. */
  defaults: option.custom<Policies, unknown>(POLICY.read),
  deadLetter: option.orNone(DEAD_LETTER),
  /** Receives every event, besides `@nestjs/event-emitter` when the application imports it. */
  events: option.withMethods<EventSink>('listens', 'emit'),
  /** @default the system's */
  clock: option.withMethods<Clock>('now', 'epochNow', 'setTimer'),
  /** @default Math.random */
  random: option.fn<Random>(),
  /** How long calls in flight may go on after shutdown began. @default 10 s */
  shutdownTimeout: option.duration(10_000),
  /**
   * Answers callers outside with what an error of this library means (503, 504, 429 over HTTP), where no filter of the
   * application does. @default true
   */
  mapErrors: option.flag(true),
  /** Whether other modules see it without importing it. @default true */
  isGlobal: option.flag(true),
  /**
   * Values that are in no dead letter, ledger, log, event, health report or trace from then on, wherever they are repeated: keys and
   * passwords of the application, 8 characters at least. What these packages are configured with themselves is among them already.
   * @default none
   */
  secrets: option.custom<readonly string[], readonly string[]>((value, at) => {
    const usable = (one: unknown) => typeof one === 'string' && one.length >= 8;
    if (Array.isArray(value) && value.every(usable)) return value as readonly string[];
    // Without the values in the error: they were meant to be shown to nobody.
    return at.refuse(typeof value, 'a list of texts of 8 characters at least');
  }),
});

/** Options of `ResilienceModule.forRoot`. All optional. */
export interface ResilienceModuleOptions extends option.OptionsOf<typeof OPTIONS.spec> {}

export interface DeadLetterModuleOptions extends option.OptionsOf<typeof DEAD_LETTER.spec> {}

/** Makes the options of `forRootAsync({ useClass | useExisting })`. */
export interface ResilienceOptionsFactory {
  createResilienceOptions(): ResilienceModuleOptions | Promise<ResilienceModuleOptions>;
}

/** For `ResilienceModule.forRootAsync`: exactly one of `useFactory`, `useClass`, `useExisting`. */
export type ResilienceModuleAsyncOptions = ConfigurableModuleAsyncOptions<
  ResilienceModuleOptions,
  keyof ResilienceOptionsFactory
> &
  Pick<ResilienceModuleOptions, 'isGlobal'>;

export const DEFAULT_RESILIENCE_MODULE_OPTIONS = OPTIONS.default;

export interface ResolvedModuleOptions {
  readonly input: ResilienceModuleOptions;
  readonly shutdownTimeoutMs: number;
  readonly mapErrors: boolean;
  readonly isGlobal: boolean;
}

/** @throws ResilienceOptionsError with every problem at once */
export function readModuleOptions(input: ResilienceModuleOptions = {}): ResolvedModuleOptions {
  const {
    shutdownTimeout,
    mapErrors,
    isGlobal,
    secrets = [],
  } = option.read(OPTIONS, input, 'ResilienceModule.forRoot');
  neverShow(...secrets);
  return { input, shutdownTimeoutMs: shutdownTimeout, mapErrors, isGlobal };
}

/** @throws ResilienceOptionsError with every problem of all of them */
export function readNamedPolicies(policies: NamedPolicies, path: string): NamedPolicies {
  return option.read<NamedPolicies, unknown>(NAMED_POLICIES, policies, `${path} > policies`) as NamedPolicies;
}
