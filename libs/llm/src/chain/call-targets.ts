import type { FailureReason } from '@nest-resilience/core';
import { classifyError, ResilienceError } from '@nest-resilience/core';
import { UPSTREAM } from '@nest-resilience/core/kit';
import {
  LlmBadRequestError,
  LlmBudgetError,
  LlmRateLimitError,
  type LlmTargetFailure,
  LlmUnavailableError,
} from '../llm.errors.js';
import type { CallRecord } from './call-record.js';
import { isOwnLimit, type LlmTarget } from './llm-target.js';
import { fallsThrough, isOfTheRequest, reasonOf } from './reason.js';
import { HeldTargets } from './held-targets.js';

/** A target that may be asked now, with its place in the chain. */
export interface Turn {
  readonly target: LlmTarget;
  readonly fallbackLevel: number;
}

interface Broke {
  readonly turn: Turn;
  readonly error: LlmBudgetError;
}

export type FellBack = (from: LlmTarget, turn: Turn, reason: FailureReason, error: unknown) => void;

/**
 * Goes along the chain of one call: hands out one target after the other, leaves out those without room, decides after each failure
 * whether the call may go on, and waits for those whose time comes soon when nobody else is left.
 */
export class CallTargets {
  private readonly queue: Turn[];
  private readonly held: HeldTargets;
  /** Only larger ones are of use after a text was too long. */
  private largerThan = 0;
  private readonly failures = new Map<LlmTarget, LlmTargetFailure>();
  /** Those of {@link failures} that something was sent to. */
  private readonly asked = new Set<LlmTarget>();
  private at: LlmTarget | undefined;
  /** Asked beside {@link at}. */
  private readonly besides = new Set<Turn>();
  /** Asked again in the next period of its budget. */
  private broke: Broke | undefined;
  private waitedForBudget = 0;
  private last: { readonly target: LlmTarget; readonly reason: FailureReason; readonly error: unknown } | undefined;

  constructor(
    chain: readonly LlmTarget[],
    private readonly estimatedTokens: number,
    private readonly record: CallRecord,
    private readonly fellBack: FellBack,
  ) {
    this.held = new HeldTargets(estimatedTokens, () => record.durationMs);
    this.queue = this.coolingLast(chain.map((target, fallbackLevel) => ({ target, fallbackLevel })));
    // At once: calls that begin together see each other.
    this.moveTo(this.queue[0]?.target);
  }

  /**
   * The next target to ask.
   * @throws LlmUnavailableError when there is none left
   * @throws LlmBadRequestError when everybody who was asked says that the request is wrong
   * @throws the signal's reason when it aborts while a target is waited for
   */
  async turn(signal?: AbortSignal): Promise<Turn> {
    for (;;) {
      const waited = this.broke && (await this.nextPeriod(this.broke, signal));
      if (waited) return waited;
      const turn = this.nextModel() ?? (await this.held.wait(signal)) ?? this.offline();
      if (turn === undefined) throw this.exhausted();
      const { tokens, provider } = turn.target;
      this.moveTo(turn.target);
      const waitMs = provider.kind === 'offline' ? 0 : await tokens.reserve(this.estimatedTokens);
      if (waitMs > 0) {
        this.noRoom(turn, waitMs);
        continue;
      }
      if (this.last !== undefined && this.last.target !== turn.target)
        this.fellBack(this.last.target, turn, this.last.reason, this.last.error);
      return turn;
    }
  }

  /** The next model that may be asked now, beside the one that is; nobody is waited for. */
  async beside(): Promise<Turn | undefined> {
    const turn = this.nextModel();
    if (turn === undefined) return undefined;
    const waitMs = await turn.target.tokens.reserve(this.estimatedTokens);
    if (waitMs > 0) {
      this.noRoom(turn, waitMs);
      return undefined;
    }
    turn.target.load.calls++;
    this.besides.add(turn);
    return turn;
  }

  /** Notes why a target could not serve. Throws the error itself when the call may not go on. */
  failed(turn: Turn, error: unknown, signal: AbortSignal | undefined): void {
    const { target } = turn;
    if (this.besides.delete(turn)) target.load.calls--;
    const reason = reasonOf(error);
    if (signal?.aborted === true || reason === 'aborted') throw upstream(error);
    // It is of the caller, not of this target.
    if (error instanceof LlmBudgetError) return this.overBudget(turn, error);
    const wasAsked = reason !== 'circuit_open' && !isOwnLimit(error);
    if (wasAsked) target.cooldown.failed(error);
    if (!fallsThrough(reason, target.options)) throw upstream(error);
    if (isOwnLimit(error)) this.held.add(turn);
    if (wasAsked) {
      this.asked.add(target);
      if (reason === 'rate_limit' && target.cooldown.isPassing) this.held.add(turn);
      if (reason === 'context_length') this.largerThan = Math.max(this.largerThan, target.options.contextWindow ?? 0);
    }
    this.note(target, reason, error);
  }

  /** The call is over. */
  left(): void {
    this.moveTo(undefined);
    for (const { target } of this.besides) target.load.calls--;
    this.besides.clear();
  }

  private moveTo(target: LlmTarget | undefined): void {
    if (this.at) this.at.load.calls--;
    if (target) target.load.calls++;
    this.at = target;
  }

  private overBudget(turn: Turn, error: LlmBudgetError): void {
    if (error.then === 'fallback') return this.note(turn.target, 'quota', error);
    const { total = Infinity } = turn.target.options.timeouts;
    const leftMs = Math.min(total - this.record.durationMs, error.maxWaitMs - this.waitedForBudget);
    if (error.then !== 'wait' || (error.retryAfterMs ?? Infinity) > leftMs) throw error;
    this.broke = { turn, error };
  }

  /** There is money again. */
  private async nextPeriod({ turn, error }: Broke, signal: AbortSignal | undefined): Promise<Turn> {
    const { cooldown, clock, stop } = turn.target;
    const from = clock.now();
    await cooldown.wait(error.retryAfterMs ?? 0, signal, stop);
    if (stop?.aborted === true) throw error;
    this.waitedForBudget += clock.now() - from;
    this.broke = undefined;
    return turn;
  }

  /** Targets that are left alone go behind those that are not, or are held until their time has come; text processing is last. */
  private coolingLast(turns: readonly Turn[]): Turn[] {
    const isFree = ({ target }: Turn) => target.cooldown.remainingMs === 0;
    const models = turns.filter(isModel);
    const end = models.findLastIndex(isFree);
    for (const [index, turn] of models.entries()) {
      const { cooldown, options } = turn.target;
      if (isFree(turn)) continue;
      if (cooldown.isPassing) this.held.add(turn);
      else if (index > end) continue;
      const { remainingMs, reason = 'rate_limit' } = cooldown;
      this.skip(turn, reason, new LlmRateLimitError(options.name, options.model, remainingMs, reason));
    }
    const behind = models.filter((turn) => !isFree(turn) && !turn.target.cooldown.isPassing);
    return [...models.filter(isFree), ...behind, ...turns.filter((turn) => !isModel(turn))];
  }

  private nextModel(): Turn | undefined {
    while (this.queue[0] !== undefined && isModel(this.queue[0])) {
      const turn = this.queue.shift() as Turn;
      if (!this.fits(turn)) continue;
      const waitMs = turn.target.tokens.waitMs(this.estimatedTokens);
      if (waitMs <= 0) return turn;
      this.noRoom(turn, waitMs);
    }
    return undefined;
  }

  /** Nobody is served by text processing because of a limit of our own, nor because of what is wrong with the request. */
  private offline(): Turn | undefined {
    return this.held.hasOwnLimit || this.isRequestWrong() ? undefined : this.queue.shift();
  }

  /** An unknown window counts as larger than any. */
  private fits({ target, fallbackLevel }: Turn): boolean {
    const { contextWindow = Infinity } = target.options;
    const tooSmall = contextWindow < this.estimatedTokens;
    if (contextWindow > this.largerThan && !tooSmall) return true;
    const message = tooSmall
      ? `the text has about ${this.estimatedTokens} tokens, the context window ${contextWindow}`
      : `the text was too long elsewhere, and this context window is no larger (${contextWindow} tokens)`;
    this.record.notSent(target, fallbackLevel, 'skipped', 'context_length', message);
    const error = Object.assign(new Error(message), { code: 'context_length_exceeded' });
    if (!this.failures.has(target)) this.note(target, 'context_length', error);
    return false;
  }

  private noRoom(turn: Turn, waitMs: number): void {
    const { name, model } = turn.target.options;
    this.held.add(turn, waitMs);
    this.skip(turn, 'rate_limit', new LlmRateLimitError(name, model, waitMs));
  }

  private skip({ target, fallbackLevel }: Turn, reason: FailureReason, error: LlmRateLimitError): void {
    this.record.notSent(target, fallbackLevel, 'skipped', reason, error.message);
    this.note(target, reason, error);
  }

  private note(target: LlmTarget, reason: FailureReason, error: unknown): void {
    const { name: provider, model } = target.options;
    // A target that was left out at first and asked in the end counts once, with what it answered.
    this.failures.delete(target);
    this.failures.set(target, { provider, model, reason, error });
    this.last = { target, reason, error };
  }

  private isRequestWrong(): boolean {
    const all = [...this.failures].filter(([target]) => this.asked.size === 0 || this.asked.has(target));
    return all.length > 0 && all.every(([, { reason }]) => isOfTheRequest(reason));
  }

  private exhausted(): LlmBadRequestError | LlmBudgetError | LlmUnavailableError {
    const failures = [...this.failures.values()];
    const { tries } = this.record;
    const [first] = failures;
    if (first?.error instanceof LlmBudgetError && failures.every(({ error }) => error instanceof LlmBudgetError))
      return first.error;
    if (this.isRequestWrong()) return new LlmBadRequestError(failures, tries);
    const waits = failures.map(({ error }) => classifyError(error).retryAfterMs).filter((wait) => wait !== undefined);
    return new LlmUnavailableError(failures, tries, waits.length === 0 ? undefined : Math.min(...waits));
  }
}

function isModel({ target }: Turn): boolean {
  return target.provider.kind !== 'offline';
}

/** Told to callers over HTTP as what it is to them: no 400 of a vendor's becomes ours. */
function upstream(error: unknown): unknown {
  if (error instanceof Error && !(error instanceof ResilienceError) && Object.isExtensible(error))
    Object.defineProperty(error, UPSTREAM, { value: true });
  return error;
}
