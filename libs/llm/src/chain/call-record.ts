import type { Clock, FailureReason } from '@nest-resilience/core';
import { LlmBudgetError, messageOf } from '../llm.errors.js';
import type { Book } from '../budget/budgets.js';
import { type LlmResult, type LlmTry, type LlmUsage, NO_USAGE } from '../llm.result.js';
import type { Served } from '../model/told.js';
import type { ModelRequest } from '../providers/model-call.js';
import type { AnswerFacts } from '../providers/read-answer.js';
import { costOf, sumOfCosts } from './cost.js';
import { isOwnLimit, type LlmTarget } from './llm-target.js';
import { maybeServed, reasonOf } from './reason.js';

/** Hears of every try as soon as it has ended. */
export type TryListener = (entry: LlmTry) => void;

/** Everything that is tried for one call, in order. */
export class CallRecord {
  /** A try has a place from its begin, so that the order is that of the requests, not of their ends. */
  private readonly entries: (LlmTry | undefined)[] = [];
  private readonly attemptsPerLevel = new Map<number, number>();
  private readonly startedAt: number;
  /** Requests on their way: one of a target at most. */
  private readonly open = new Map<LlmTarget, OpenTry>();
  /** Of what was booked for the request that goes out next. */
  private readonly booked = new Map<LlmTarget, (usd: number | undefined) => void>();
  heals = 0;
  /** Requests that said again in other words what a target did not understand. */
  adapted = 0;

  constructor(
    private readonly request: ModelRequest | undefined,
    private readonly clock: Clock,
    private readonly ended: TryListener,
    private readonly budget?: Book,
  ) {
    this.startedAt = clock.now();
  }

  get isBudgeted(): boolean {
    return this.budget !== undefined;
  }

  get tries(): readonly LlmTry[] {
    return this.entries.filter((entry) => entry !== undefined);
  }

  get durationMs(): number {
    return this.clock.now() - this.startedAt;
  }

  /** Before a request goes out. @throws LlmBudgetError when it may cost more than is left */
  async afford(target: LlmTarget, signal: AbortSignal): Promise<void> {
    this.release(target);
    const settle = await this.budget?.(target);
    if (signal.aborted) settle?.(0);
    else if (settle) this.booked.set(target, settle);
    signal.throwIfAborted();
  }

  /** A request goes out. One that is still open was given up, for `lastError`. */
  begin(target: LlmTarget, fallbackLevel: number, lastError: unknown, stream = false): OpenTry {
    this.open.get(target)?.failed(lastError);
    const attempt = (this.attemptsPerLevel.get(fallbackLevel) ?? 0) + 1;
    this.attemptsPerLevel.set(fallbackLevel, attempt);
    const index = this.entries.push(undefined) - 1;
    const begun = { ...identity(target), fallbackLevel, attempt, ...(stream && { stream }) };
    const settle = this.booked.get(target);
    if (settle) this.booked.delete(target);
    const opened = new OpenTry(target, begun, this.clock, (entry) => {
      settle?.(spentOn(entry));
      this.entries[index] = entry;
      this.ended(entry);
    });
    this.open.set(target, opened);
    return opened;
  }

  /** Another target was first: what it was expected to cost is what it did. */
  lost(target: LlmTarget, expected: LlmUsage): void {
    const usage = target.provider.kind === 'offline' ? NO_USAGE : expected;
    this.open.get(target)?.failed(new Error('another target was first'), { reason: 'aborted', usage });
  }

  private release(target: LlmTarget): void {
    this.booked.get(target)?.(0);
    this.booked.delete(target);
  }

  /** The target gave up: closes a request that is still open, or notes that none was sent. */
  gaveUp(target: LlmTarget, fallbackLevel: number, error: unknown): void {
    const reason = reasonOf(error);
    this.release(target);
    this.open.get(target)?.failed(error);
    this.open.delete(target);
    if (reason === 'circuit_open') this.notSent(target, fallbackLevel, 'rejected', reason, messageOf(error));
    else if (isOwnLimit(error) || error instanceof LlmBudgetError)
      this.notSent(target, fallbackLevel, 'skipped', reason, messageOf(error));
  }

  notSent(
    target: LlmTarget,
    fallbackLevel: number,
    outcome: 'rejected' | 'skipped',
    reason: FailureReason,
    message: string,
  ): void {
    const entry: LlmTry = { ...identity(target), fallbackLevel, attempt: 0, outcome, reason, message, durationMs: 0 };
    this.entries.push(entry);
    this.ended(entry);
  }

  /** What is known as soon as a target serves. */
  served(target: LlmTarget, fallbackLevel: number): Served {
    const attempts = [...this.attemptsPerLevel.values()].reduce((sum, count) => sum + count, 0);
    const leftOut = (this.request && target.provider.leftOut?.(this.request)) ?? [];
    return { ...identity(target), fallbackLevel, attempts, ...(leftOut.length > 0 && { leftOut }) };
  }

  result<T>(
    target: LlmTarget,
    fallbackLevel: number,
    answer: Pick<AnswerFacts, 'text' | 'reasoning' | 'usage' | 'finishReason'> & { readonly object?: T },
  ): LlmResult<T> {
    const { tries, heals, adapted } = this;
    const served = this.served(target, fallbackLevel);
    const { attempts } = served;
    const targetsAsked = this.attemptsPerLevel.size;
    const paid = tries.filter(({ usage }) => usage !== undefined);
    const costUsd = sumOfCosts(paid.map((entry) => entry.costUsd));
    const wastedCostUsd = sumOfCosts(paid.map((entry) => (entry.outcome === 'ok' ? 0 : entry.costUsd)));
    const { quality } = target.options;
    return {
      text: answer.text,
      ...(answer.reasoning !== '' && { reasoning: answer.reasoning }),
      ...('object' in answer && { object: answer.object }),
      ...served,
      // A round of healing that its circuit refused sent nothing.
      retries: Math.max(0, attempts - targetsAsked - heals - adapted),
      heals,
      usage: answer.usage,
      ...(costUsd !== undefined && { costUsd }),
      ...(wastedCostUsd !== undefined && { wastedCostUsd }),
      durationMs: this.durationMs,
      degraded: target.provider.kind === 'offline',
      finishReason: answer.finishReason,
      truncated: answer.finishReason === 'length',
      ...(quality !== undefined && { quality }),
      tries,
    };
  }
}

/** What a refusal costs; of a lost answer nobody knows. */
function spentOn({ outcome, reason = 'unknown', usage, costUsd }: LlmTry): number | undefined {
  if (usage !== undefined) return costUsd ?? 0;
  return outcome === 'failed' && maybeServed(reason) ? undefined : 0;
}

/** What a failure does not tell itself. */
interface FailedKnown {
  readonly usage?: LlmUsage;
  readonly reason?: FailureReason;
  readonly again?: boolean;
}

/** A request that is on its way. It ends once; whatever comes later is ignored. */
export class OpenTry {
  private readonly startedAt: number;
  private entry: LlmTry | undefined;
  private firstTokenMs: number | undefined;

  constructor(
    private readonly target: LlmTarget,
    private readonly identity: Pick<LlmTry, 'provider' | 'model' | 'fallbackLevel' | 'attempt' | 'stream'>,
    private readonly clock: Clock,
    private readonly ended: TryListener,
  ) {
    this.startedAt = clock.now();
  }

  /** The first part of a stream is here. */
  firstToken(): void {
    this.firstTokenMs = this.clock.now() - this.startedAt;
  }

  /** @param mended what was mended about the answer without asking again */
  ok(usage: LlmUsage, mended: readonly string[] = []): void {
    this.end({ outcome: 'ok', ...this.paid(usage), ...(mended.length > 0 && { mended }) });
  }

  /** It came and was paid for, but cannot be used. */
  invalid(usage: LlmUsage, problems: readonly string[]): void {
    this.end({
      outcome: 'invalid',
      reason: 'invalid_output',
      message: problems.join('; '),
      ...this.paid(usage),
    });
  }

  /** @param known what it cost all the same, and a reason that the error does not tell */
  failed(error: unknown, known: FailedKnown = {}): void {
    const { usage, reason = reasonOf(error), again = false } = known;
    this.end({
      outcome: 'failed',
      reason,
      message: messageOf(error),
      ...(again && { again }),
      ...(usage && this.paid(usage)),
    });
  }

  private paid(usage: LlmUsage): Pick<LlmTry, 'usage' | 'costUsd'> {
    const costUsd = costOf(usage, this.target.options.cost);
    return { usage, ...(costUsd !== undefined && { costUsd }) };
  }

  private end(
    outcome: Pick<LlmTry, 'outcome' | 'reason' | 'message' | 'usage' | 'costUsd' | 'mended' | 'again'>,
  ): void {
    if (this.entry !== undefined) return;
    const { identity, firstTokenMs } = this;
    const durationMs = this.clock.now() - this.startedAt;
    this.entry = { ...identity, durationMs, ...(firstTokenMs !== undefined && { firstTokenMs }), ...outcome };
    this.target.load.tried(this.entry);
    this.ended(this.entry);
  }
}

function identity(target: LlmTarget): { readonly provider: string; readonly model: string } {
  return { provider: target.options.name, model: target.options.model };
}
