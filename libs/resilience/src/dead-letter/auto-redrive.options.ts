import type { Duration } from '../engine/duration.js';
import { OptionsReader } from '../engine/options.js';

/** Redriving without a person. Off unless `ResilienceModule.forRoot({ deadLetter: { autoRedrive } })` asks for it. */
export interface AutoRedriveOptions {
  /** Time between two rounds, counted from the end of the first. @default '1m' */
  every?: Duration;
  /** Only entries of these queues. @default all */
  queues?: readonly string[];
  /** How long a new entry is left alone. @default '1m' */
  firstDelay?: Duration;
  /** Each failed redrive makes the next wait that many times as long. @default 2 */
  factor?: number;
  /** No wait is longer. @default '1h' */
  maxDelay?: Duration;
  /** Redrives started a second, at most. @default 10 */
  ratePerSecond?: number;
  /** Redrives a round, at most. @default 100 */
  limit?: number;
}

/** Durations in milliseconds. */
export const DEFAULT_AUTO_REDRIVE_OPTIONS = {
  every: 60_000,
  firstDelay: 60_000,
  factor: 2,
  maxDelay: 3_600_000,
  ratePerSecond: 10,
  limit: 100,
} as const;

/** {@link AutoRedriveOptions}, checked and with defaults. */
export interface ResolvedAutoRedriveOptions {
  readonly everyMs: number;
  readonly queues: readonly string[] | undefined;
  readonly firstDelayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
  readonly ratePerSecond: number;
  readonly limit: number;
}

/**
 * @param input `true`: with all defaults; `false` and nothing: off
 * @throws ResilienceOptionsError with every problem at once
 */
export function readAutoRedriveOptions(
  input: AutoRedriveOptions | boolean | undefined,
  path: string,
): ResolvedAutoRedriveOptions | undefined {
  if (input === undefined || input === false) return undefined;
  const reader = new OptionsReader<AutoRedriveOptions>(input === true ? {} : input, path, [
    ...(['every', 'queues', 'firstDelay', 'factor', 'maxDelay', 'ratePerSecond', 'limit'] as const),
  ]);
  const defaults = DEFAULT_AUTO_REDRIVE_OPTIONS;
  const queues = reader.raw('queues');
  if (queues !== undefined && !isListOfNames(queues)) reader.problem('queues', queues, "names such as ['orders']");
  const options = {
    everyMs: reader.duration('every', defaults.every, { min: 1_000 }),
    queues: queues as readonly string[] | undefined,
    firstDelayMs: reader.duration('firstDelay', defaults.firstDelay),
    factor: reader.number('factor', defaults.factor, { min: 1 }),
    maxDelayMs: reader.duration('maxDelay', defaults.maxDelay),
    ratePerSecond: reader.number('ratePerSecond', defaults.ratePerSecond, { min: 0.001, max: 10_000 }),
    limit: reader.number('limit', defaults.limit, { min: 1, integer: true }),
  };
  reader.finish();
  return options;
}

function isListOfNames(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string' && name !== '');
}
