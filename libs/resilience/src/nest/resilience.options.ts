import type { Type } from '@nestjs/common';

import { AUTO_REDRIVE, type AutoRedriveOptions } from '../dead-letter/auto-redrive.options.js';
import type { DeadLetterRetention } from '../dead-letter/dead-letter.retention.js';
import type { DeadLetterStore } from '../dead-letter/dead-letter.store.js';
import type { Clock } from '../engine/clock.js';
import type { Duration } from '../engine/duration.js';
import { type OptionProblem, ResilienceOptionsError } from '../engine/errors.js';
import type { EventSink } from '../engine/events.js';
import * as option from '../engine/option/index.js';
import { OptionsReader } from '../engine/options.js';
import type { Random } from '../engine/random.js';
import { neverShow } from '../engine/redaction/index.js';
import { collect, type Policies, type PolicyOptions, readPolicyOptions } from '../policy/policy.options.js';
import type { NamedPolicies } from './policy-book.js';

/** Options of `ResilienceModule.forRoot`. All optional. */
export interface ResilienceModuleOptions {
  /**
   * Policies for `@Resilient('name')` and `ResilienceService.execute('name', ...)`; one under the name of a decorated
   * `'Class.method'` is laid over its decorators, option by option. All can be changed while running: `reconfigure`.
   */
  readonly policies?: Readonly<Record<string, PolicyOptions>>;
  /** What decorators and named policies leave out, e.g. `{ retry: { maxRetries: 2 } }`. Switches nothing on by itself. */
  readonly defaults?: Policies;
  readonly deadLetter?: DeadLetterModuleOptions;
  /** Receives every event, besides `@nestjs/event-emitter` when the application imports it. */
  readonly events?: EventSink;
  /** @default the system's */
  readonly clock?: Clock;
  /** @default Math.random */
  readonly random?: Random;
  /** How long calls in flight may go on after shutdown began. @default 10 s */
  readonly shutdownTimeout?: Duration;
  /**
   * Answers callers outside with what an error of this library means (503, 504, 429 over HTTP), where no filter of the
   * application does. @default true
   */
  readonly mapErrors?: boolean;
  /**
   * Values that are in no dead letter, ledger, log, event, health report or trace from then on, wherever they are repeated: keys and
   * passwords of the application, 8 characters at least. What these packages are configured with themselves is among them already.
   * @default none
   */
  readonly secrets?: readonly string[];
}

export interface DeadLetterModuleOptions {
  /** Where entries are kept. @default in memory, with a warning at boot when something uses `@DeadLetter` */
  readonly store?: DeadLetterStore;
  /** Directory in which entries wait while the store fails. @default none: in memory */
  readonly spillDirectory?: string;
  readonly retention?: DeadLetterRetention;
  /**
   * How long a failing call waits for the store before its entry goes to the spill.
   * @default 40 ms with a `spillDirectory`, 5 s without
   */
  readonly storeTimeout?: Duration;
  /** Redrives pending entries without a person, while the circuit of their method is closed; `true`: with all defaults. @default false */
  readonly autoRedrive?: AutoRedriveOptions | boolean;
}

/** Makes the options of `forRootAsync({ useClass | useExisting })`. */
export interface ResilienceOptionsFactory {
  createResilienceOptions(): ResilienceModuleOptions | Promise<ResilienceModuleOptions>;
}

/** For `ResilienceModule.forRootAsync`: exactly one of the three `use...`. */
export interface ResilienceModuleAsyncOptions {
  readonly imports?: readonly Type[];
  readonly inject?: readonly unknown[];
  readonly useFactory?: (...args: never[]) => ResilienceModuleOptions | Promise<ResilienceModuleOptions>;
  readonly useClass?: Type<ResilienceOptionsFactory>;
  readonly useExisting?: Type<ResilienceOptionsFactory>;
}

export const DEFAULT_RESILIENCE_MODULE_OPTIONS = { shutdownTimeout: 10_000, mapErrors: true } as const;

export interface ResolvedModuleOptions {
  readonly input: ResilienceModuleOptions;
  readonly shutdownTimeoutMs: number;
  readonly mapErrors: boolean;
}

const KNOWN = [
  'policies',
  'defaults',
  'deadLetter',
  'events',
  'clock',
  'random',
  'shutdownTimeout',
  'mapErrors',
  'secrets',
] as const;

/** @throws ResilienceOptionsError with every problem at once */
export function readModuleOptions(input: ResilienceModuleOptions = {}): ResolvedModuleOptions {
  const path = 'ResilienceModule.forRoot';
  const reader = new OptionsReader<ResilienceModuleOptions>(input, path, KNOWN);
  const problems: OptionProblem[] = [];
  collect(problems, () => readNamedPolicies(input.policies ?? {}, path));
  collect(problems, () => readPolicyOptions(input.defaults ?? {}, `${path} > defaults`));
  checkMembers(reader, 'clock', input.clock, ['now', 'epochNow', 'setTimer']);
  checkMembers(reader, 'events', input.events, ['listens', 'emit']);
  const deadLetter = new OptionsReader<DeadLetterModuleOptions>(input.deadLetter, `${path} > deadLetter`, [
    'store',
    'spillDirectory',
    'retention',
    'storeTimeout',
    'autoRedrive',
  ]);
  deadLetter.duration('storeTimeout', undefined, { min: 1 });
  collect(problems, () =>
    option.read(AUTO_REDRIVE, input.deadLetter?.autoRedrive, `${path} > deadLetter > autoRedrive`),
  );
  deadLetter.string('spillDirectory', undefined);
  reader.absorb(deadLetter);
  checkMembers(reader, 'deadLetter', input.deadLetter?.store, ['add', 'get', 'list']);
  reader.function('random');
  const shutdownTimeoutMs = reader.duration('shutdownTimeout', DEFAULT_RESILIENCE_MODULE_OPTIONS.shutdownTimeout);
  const mapErrors = reader.boolean('mapErrors', DEFAULT_RESILIENCE_MODULE_OPTIONS.mapErrors);
  const secrets = readSecrets(reader);
  for (const problem of problems) reader.problem(problem.path.slice(path.length + 3), problem.value, problem.allowed);
  reader.finish();
  neverShow(...secrets);
  return { input, shutdownTimeoutMs, mapErrors };
}

/** @throws ResilienceOptionsError with every problem of all of them */
export function readNamedPolicies(policies: NamedPolicies, path: string): NamedPolicies {
  const problems: OptionProblem[] = [];
  for (const [name, options] of Object.entries(policies))
    collect(problems, () => readPolicyOptions(options, `${path} > policies > ${name}`));
  if (problems.length > 0) throw new ResilienceOptionsError(problems);
  return policies;
}

/** Without the values in the error: they were meant to be shown to nobody. */
function readSecrets(reader: OptionsReader<ResilienceModuleOptions>): readonly string[] {
  const value: unknown = reader.raw('secrets') ?? [];
  const usable = (one: unknown): one is string => typeof one === 'string' && one.length >= 8;
  if (Array.isArray(value) && value.every(usable)) return value;
  reader.problem('secrets', typeof value, 'a list of texts of 8 characters at least');
  return [];
}

function checkMembers(
  reader: OptionsReader<ResilienceModuleOptions>,
  name: 'clock' | 'events' | 'deadLetter',
  value: object | undefined,
  members: readonly string[],
): void {
  if (value === undefined) return;
  const missing = members.filter((member) => typeof (value as Record<string, unknown>)[member] !== 'function');
  if (missing.length > 0) reader.problem(name, value, `an object with the methods ${members.join(', ')}`);
}
