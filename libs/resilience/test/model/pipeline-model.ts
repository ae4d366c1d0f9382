import { CircuitModel, type ModelEvents, type ModelOptions } from './circuit-model.js';

/**
 * DeadLetter( Fallback( TotalTimeout( Retry( CircuitBreaker( AttemptTimeout( method )))))) as one sequential program on a number
 * that stands for the time: no promise, no timer, no operator. It shares no code with what it judges, but for the model of the circuit.
 */
export interface PipelineSettings {
  readonly retry?: {
    readonly maxRetries: number;
    readonly strategy: 'exponential' | 'linear' | 'fibonacci' | 'constant' | 'immediate';
    readonly baseMs: number;
    readonly maxDelayMs: number;
    readonly maxElapsedMs: number | undefined;
    readonly rejectsBadValues: boolean;
    readonly abortsOnNamed: boolean;
    readonly budgetEmpty: boolean;
  };
  readonly circuit?: ModelOptions & { readonly ignoresNamed: boolean };
  readonly timeout?: { readonly eachMs: number; readonly totalMs: number; readonly growth: number };
  /** What each entry does, in order; `deaf` has a matcher that no error meets. */
  readonly fallback?: readonly ('answers' | 'throws' | 'constant' | 'deaf')[];
  readonly deadLetter?: { readonly rethrow: boolean; readonly rescued: boolean; readonly stores: boolean };
}

/** How the method ends when it is entered, and after how many milliseconds. */
export interface Ending {
  readonly kind:
    'good value' | 'bad value' | 'unknown' | 'transient' | 'permanent' | 'named' | 'hint' | 'far hint' | 'hang';
  readonly ms: number;
}

export interface Outcome {
  /** `value: ...` or `error: ...`. */
  readonly answer: string;
  readonly endsAt: number;
}

export interface KeptCall {
  readonly error: string;
  readonly reason: 'failed' | 'rescued';
  readonly attempts: readonly (readonly [number: number, durationMs: number, error: string | undefined])[];
  readonly fallbacks: readonly (readonly [level: number, error: string | undefined])[];
}

export const POLICY = 'model';
export const HINT_MS = 70;
export const FAR_HINT_MS = 61_000;
const RETRY_AFTER_CAP_MS = 60_000;
const RETRIED = new Set(['unknown', 'transient', 'named', 'hint', 'far hint', 'timeout attempt']);
const THE_CALLERS_FAULT = 'permanent';

interface Failure {
  readonly label: string;
  /** A value that was not accepted: it is returned when retries run out. */
  readonly value?: string;
}

export class PipelineModel {
  readonly events: ModelEvents = [];
  readonly kept: KeptCall[] = [];
  /** When the method was entered. */
  readonly entered: number[] = [];
  private readonly circuit: CircuitModel | undefined;

  constructor(private readonly settings: PipelineSettings) {
    this.circuit = settings.circuit && new CircuitModel(POLICY, settings.circuit, this.events);
  }

  /** @param script what the method does each time it is entered; good values at once when it is used up */
  call(startedAt: number, script: readonly Ending[]): Outcome {
    const { retry, timeout, fallback } = this.settings;
    const expiresAt = startedAt + (timeout?.totalMs ?? Infinity);
    const records: [number, number, string | undefined][] = [];
    let used = 0;
    let now = startedAt;
    let failure: Failure | undefined;
    let value: string;
    for (let attempt = 1; ; attempt++) {
      const began = now;
      const ended = this.attempt(attempt, now, expiresAt, () => script[used++] ?? { kind: 'good value', ms: 0 });
      now = ended.at;
      failure = ended.failure;
      value = ended.value;
      records.push([attempt, now - began, failure?.label]);
      const rejected = failure === undefined && retry?.rejectsBadValues === true && value === 'bad value';
      if (rejected) failure = { label: 'rejected', value };
      if (failure === undefined) {
        if (attempt > 1) this.tell('recovered', { attempts: attempt });
        break;
      }
      const delayMs = this.delay(attempt, failure, now - startedAt);
      if (delayMs === undefined) break;
      if (now + delayMs > expiresAt) {
        now = expiresAt;
        failure = this.expired('total', timeout?.totalMs ?? NaN, attempt);
        break;
      }
      now += delayMs;
    }
    if (failure === undefined) return { answer: `value: ${value}`, endsAt: now };
    if (failure.value !== undefined) return { answer: `value: ${failure.value}`, endsAt: now };
    return { answer: this.rescue(failure.label, fallback ?? [], records), endsAt: now };
  }

  private attempt(
    attempt: number,
    now: number,
    expiresAt: number,
    next: () => Ending,
  ): { at: number; failure: Failure | undefined; value: string } {
    const { timeout, circuit } = this.settings;
    const call = this.circuit?.start(now);
    if (this.circuit !== undefined && call === undefined)
      return { at: now, failure: { label: 'circuit open' }, value: '' };
    this.entered.push(now);
    const ending = next();
    const eachMs = timeout === undefined ? Infinity : timeout.eachMs * timeout.growth ** (attempt - 1);
    const limit = Math.min(now + eachMs, expiresAt);
    const endsAt = now + (ending.kind === 'hang' ? Infinity : ending.ms);
    const at = Math.min(endsAt, limit);
    let failure: Failure | undefined;
    if (limit < endsAt) {
      const total = expiresAt < now + eachMs;
      failure = this.expired(total ? 'total' : 'attempt', total ? (timeout?.totalMs ?? NaN) : eachMs, attempt);
    } else if (ending.kind !== 'good value' && ending.kind !== 'bad value') {
      failure = { label: ending.kind };
    }
    if (call !== undefined) {
      const ignored =
        failure?.label === THE_CALLERS_FAULT || (failure?.label === 'named' && circuit?.ignoresNamed === true);
      this.circuit?.end(call, ignored ? 'none' : failure === undefined ? 'good' : 'bad', at);
    }
    return { at, failure, value: ending.kind };
  }

  /** @returns milliseconds until the next attempt, undefined to give up */
  private delay(attempt: number, { label }: Failure, elapsedMs: number): number | undefined {
    const { retry } = this.settings;
    if (retry === undefined) return undefined;
    if (label !== 'rejected' && (!RETRIED.has(label) || (label === 'named' && retry.abortsOnNamed))) return undefined;
    const stop = (because: string): undefined => this.tell('exhausted', { attempts: attempt, because });
    if (attempt > retry.maxRetries) return stop('max-retries');
    const hintMs = label === 'hint' ? HINT_MS : label === 'far hint' ? FAR_HINT_MS : undefined;
    if (hintMs !== undefined && hintMs > RETRY_AFTER_CAP_MS) return stop('retry-after-cap');
    const factor = {
      exponential: 2 ** (attempt - 1),
      linear: attempt,
      fibonacci: [1, 1, 2, 3, 5, 8][attempt - 1] ?? NaN,
      constant: 1,
      immediate: 0,
    }[retry.strategy];
    const delayMs = hintMs ?? Math.min(retry.maxDelayMs, retry.baseMs * factor);
    if (retry.maxElapsedMs !== undefined && elapsedMs + delayMs >= retry.maxElapsedMs) return stop('max-elapsed');
    if (retry.budgetEmpty) return stop('budget');
    this.tell('scheduled', { attempt, delayMs, hinted: hintMs !== undefined });
    return delayMs;
  }

  /** Fallbacks, then the dead letter. */
  private rescue(
    error: string,
    entries: NonNullable<PipelineSettings['fallback']>,
    attempts: KeptCall['attempts'],
  ): string {
    const { deadLetter } = this.settings;
    const tried: [number, string | undefined][] = [];
    for (const [index, entry] of entries.entries()) {
      if (entry === 'deaf') continue;
      const level = index + 1;
      if (entry === 'throws') {
        tried.push([level, `fallback ${level}`]);
        continue;
      }
      tried.push([level, undefined]);
      this.tell('used', { level });
      if (deadLetter?.rescued) this.kept.push({ error, reason: 'rescued', attempts, fallbacks: tried });
      return `value: fallback ${level}`;
    }
    if (tried.length > 0) this.tell('failed', { errors: tried.map(([, thrown]) => thrown) });
    if (deadLetter === undefined) return `error: ${error}`;
    this.kept.push({ error, reason: 'failed', attempts, fallbacks: tried });
    return deadLetter.stores && !deadLetter.rethrow ? 'value: undefined' : `error: ${error}`;
  }

  private expired(scope: 'attempt' | 'total', afterMs: number, attempt: number): Failure {
    this.tell('exceeded', { scope, afterMs, attempt });
    return { label: `timeout ${scope}` };
  }

  private tell(name: string, payload: Record<string, unknown>): undefined {
    this.events.push([name, payload]);
  }
}
