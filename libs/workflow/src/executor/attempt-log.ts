import { type Clock, onAbort } from '@nest-resilience/core';
import {
  addCosts,
  type HealRecord,
  type LlmUsage,
  MAX_ATTEMPTS_KEPT,
  type NodeAttempt,
  type PolicyAction,
} from '../ledger/execution.js';
import type { ItemRecord, ItemSummary } from '../ledger/items.js';
import { structuredError } from '../ledger/structured-error.js';
import { listenWhile } from './method-events.js';
import type { LlmAnswer, LlmPortTry } from '../llm.port.js';
import { addUsage, costOf, type ServedBy, type Spent } from './summary.js';

/** Who tries: a node (or its n-th fallback), for one item when it runs once for each. */
export interface Trier {
  readonly by: string;
  readonly level: number;
  readonly index?: number;
  /** Of healing, when it diagnoses or mends. */
  readonly round?: number;
}

type Draft = { -readonly [K in keyof NodeAttempt]: NodeAttempt[K] } & {
  actions: PolicyAction[];
  trier: Trier;
  thrown?: unknown;
  /** Not while it is at work: a hedged attempt begins beside one that has not failed. */
  ended?: boolean;
};

const REFUSED = new Set(['RESILIENCE_CIRCUIT_OPEN', 'RESILIENCE_BULKHEAD_FULL', 'RESILIENCE_RATE_LIMITED']);

/** Writes down every attempt of one node while it happens. */
export class AttemptLog {
  private readonly drafts: Draft[] = [];
  /** Also of those that are kept no longer: they may still be at work. */
  private readonly last = new WeakMap<Trier, Draft>();
  private dropped = 0;
  private droppedRefusals = 0;
  /** Of models and of items, beyond the attempts that are kept. */
  private otherAttempts = 0;
  private otherRetries = 0;
  private retried = 0;
  usage: LlmUsage | undefined;
  /** Of answers and of what nobody could use; `undefined` once the price of one of them is not known. */
  private cost: number | undefined = 0;
  /** What healing did, round by round. */
  readonly heals: HealRecord[] = [];
  /** The model answer that counts, once there is one. */
  answer: Pick<LlmAnswer, 'provider' | 'fallbackLevel'> | undefined;
  /** Whether any answer was a degraded one. */
  degraded = false;
  /** The list that runs, or ran last, where its items are kept one by one. */
  list: { readonly summary: ItemSummary } | undefined;
  /** Errors of model calls whose tries are in already. */
  private readonly told = new WeakSet<object>();

  /** The fallback of a decorated method that answered in its place. */
  methodFallback: { readonly by: string; readonly level: number } | undefined;

  constructor(private readonly clock: Clock) {}

  /**
   * Runs one attempt and notes how it ended; one that is abandoned by a timeout or a cancellation is noted when that happens.
   * @param method name of the method that is called, whose own retries and fallbacks are attempts as well; empty for a function
   */
  async note<T>(trier: Trier, signal: AbortSignal, attempt: () => PromiseLike<T> | T, method?: string): Promise<T> {
    const before = this.lastOf(trier);
    if (before?.ended && before.outcome !== 'succeeded') this.markRetried(before);
    let draft = this.open(trier);
    let startedAt = this.clock.now();
    let open = true;
    const end = (outcome: NodeAttempt['outcome'], error?: unknown): void => {
      draft.durationMs = this.clock.now() - startedAt;
      draft.outcome = outcome;
      draft.ended = true;
      if (outcome === 'timed_out') draft.actions.push('timed_out');
      if (error === undefined) return;
      draft.error = structuredError(error);
      draft.thrown = error;
      this.noteFailure(draft, error, triesOf(error));
    };
    const next = (level: number): void => {
      draft = this.open(trier);
      draft.level = level;
      startedAt = this.clock.now();
    };
    const close = (outcome: NodeAttempt['outcome'], error?: unknown): void => {
      if (!open) return;
      open = false;
      unlisten();
      end(outcome, error);
    };
    const abandon = (): void => close(isTimeout(signal.reason) ? 'timed_out' : 'cancelled', signal.reason);
    const unlisten = onAbort(signal, abandon);
    const listener = {
      policy: method ?? '',
      retried: (error: unknown): void => {
        if (!open) return;
        end(isTimeout(error) ? 'timed_out' : 'failed', error);
        this.markRetried(draft);
        next(draft.level);
      },
      fellBack: (level: number, name: string, error: unknown): void => {
        if (!open) return;
        end(isTimeout(error) ? 'timed_out' : 'failed', error);
        draft.actions.push('fell_back');
        next(trier.level + level);
        this.methodFallback = { by: `${trier.by}.${name}`, level: trier.level + level };
      },
      answered: (answer: LlmAnswer): void => this.noteAnswer(trier, answer),
      failed: (error: unknown, tries: unknown): void => this.noteFailure(draft, error, tries),
    };
    try {
      const value = await (method === undefined ? attempt() : listenWhile(listener, attempt));
      close('succeeded');
      return value;
    } catch (error) {
      close(isTimeout(error) ? 'timed_out' : 'failed', error);
      throw error;
    }
  }

  /** Notes a call that a policy did not let through, if `error` says so and no attempt ended with it. */
  noteRefusal(trier: Trier, error: unknown): void {
    const code = (error as { code?: unknown } | null)?.code;
    if (typeof code !== 'string' || !REFUSED.has(code) || this.lastOf(trier)?.thrown === error) return;
    const draft = this.open(trier);
    draft.outcome = 'rejected';
    draft.ended = true;
    draft.actions.push('rejected');
    draft.error = structuredError(error);
  }

  /** Notes that the trier's failure made a fallback run. */
  noteFallback(trier: Trier): void {
    this.lastOf(trier)?.actions.push('fell_back');
  }

  noteHeal(trier: Trier, heal: HealRecord): void {
    this.heals.push(heal);
    if (heal.outcome === 'applied') this.lastOf(trier)?.actions.push('healed');
  }

  noteAnswer(trier: Trier, answer: LlmAnswer): void {
    this.answer = answer;
    if (answer.degraded) this.degraded = true;
    this.usage = addUsage(this.usage, answer.usage);
    this.cost = addCosts(this.cost, answer.costUsd);
    const draft = this.lastOf(trier);
    if (!draft) return;
    this.noteTries(draft, answer.tries);
    if ((answer.retries ?? 0) > 0) draft.actions.push('retried');
    if ((answer.heals ?? 0) > 0) draft.actions.push('healed');
    if (answer.fallbackLevel > 0) draft.actions.push('fell_back');
  }

  /** US dollars; `undefined` when nothing was paid, or nobody knows how much. */
  get costUsd(): number | undefined {
    return this.usage === undefined && this.cost === 0 ? undefined : this.cost;
  }

  /** Takes over what one item came to. */
  absorb(item: ItemRecord): void {
    for (const attempt of item.attempts) {
      const { actions, ...rest } = attempt;
      const trier: Trier = attempt;
      Object.assign(this.open(trier), rest, {
        number: this.drafts.length + this.dropped,
        actions: [...actions],
        ended: true,
      });
    }
    const counted = item.attempts.filter(({ outcome }) => outcome !== 'rejected').length;
    this.otherAttempts += item.attemptCount - counted;
    this.otherRetries += item.retryCount;
    this.heals.push(...(item.heals ?? []));
    this.heals.splice(0, this.heals.length - MAX_ATTEMPTS_KEPT);
    if (item.usage) this.usage = addUsage(this.usage, item.usage);
    this.cost = addCosts(this.cost, costOf(item));
    if (item.degraded) this.degraded = true;
    if (item.provider !== undefined) this.answer = { provider: item.provider, fallbackLevel: item.providerLevel ?? 0 };
    if (item.servedBy !== undefined) this.methodFallback = { by: item.servedBy, level: item.fallbackLevel };
  }

  /** What a record says of it. */
  get spent(): Spent {
    return {
      attempts: this.attempts,
      attemptCount: this.attemptCount,
      retryCount: this.retryCount,
      ...(this.usage && { usage: this.usage }),
      ...(this.costUsd !== undefined && { costUsd: this.costUsd }),
      ...(this.heals.length > 0 && { heals: [...this.heals] }),
      ...(this.answer && { provider: this.answer.provider, providerLevel: this.answer.fallbackLevel }),
    };
  }

  get items(): ItemSummary | undefined {
    return this.list?.summary;
  }

  get attempts(): NodeAttempt[] {
    return this.drafts.map(toAttempt);
  }

  /** Without those that are still at work. */
  get ended(): NodeAttempt[] {
    return this.drafts.filter(({ ended }) => ended).map(toAttempt);
  }

  get attemptCount(): number {
    const kept = this.drafts.filter(({ outcome }) => outcome !== 'rejected').length;
    return this.dropped - this.droppedRefusals + kept + this.otherAttempts;
  }

  get retryCount(): number {
    return this.retried + this.otherRetries;
  }

  private markRetried(draft: Draft): void {
    draft.actions.push('retried');
    this.retried++;
  }

  private open(trier: Trier): Draft {
    if (this.drafts.length >= MAX_ATTEMPTS_KEPT) {
      const [gone] = this.drafts.splice(1, 1);
      this.dropped++;
      if (gone?.outcome === 'rejected') this.droppedRefusals++;
    }
    const number = this.drafts.length + this.dropped + 1;
    const { by, level, index } = trier;
    const draft: Draft = {
      number,
      by,
      level,
      outcome: 'cancelled',
      actions: [],
      startedAt: this.clock.epochNow(),
      durationMs: 0,
      trier,
      ...(index !== undefined && { index }),
    };
    this.drafts.push(draft);
    this.last.set(trier, draft);
    return draft;
  }

  private lastOf(trier: Trier): Draft | undefined {
    return this.last.get(trier);
  }

  private noteTries(draft: Draft, tries: unknown): void {
    if (!Array.isArray(tries) || tries.length === 0) return;
    const all = tries as LlmPortTry[];
    const records = all.map(({ provider, fallbackLevel, attempt, outcome, reason, durationMs, mended }) => ({
      ...{ provider, fallbackLevel, attempt, outcome, durationMs },
      ...(reason !== undefined && { reason }),
      ...(mended !== undefined && { mended }),
    }));
    // A step may ask several times.
    draft.tries = [...(draft.tries ?? []), ...records].slice(-MAX_ATTEMPTS_KEPT);
    const sent = all.filter(({ attempt }) => attempt > 0);
    // The node's own attempt is counted already.
    this.otherAttempts += Math.max(0, sent.length - 1);
    this.otherRetries += sent.filter(({ attempt }) => attempt > 1).length;
  }

  /** Of a model call that failed: answers nobody could use were paid for all the same. */
  private noteFailure(draft: Draft, error: unknown, tries: unknown): void {
    if (typeof error !== 'object' || error === null || this.told.has(error) || !Array.isArray(tries)) return;
    this.told.add(error);
    this.noteTries(draft, tries);
    for (const { usage, costUsd } of tries as LlmPortTry[]) {
      if (usage !== undefined || costUsd !== undefined) this.cost = addCosts(this.cost, costUsd);
    }
  }
}

function toAttempt({ trier: _, thrown: __, ended: ___, ...attempt }: Draft): NodeAttempt {
  return { ...attempt, actions: [...attempt.actions] };
}

export function servedBy({ provider, fallbackLevel, degraded }: LlmAnswer): ServedBy {
  return { provider, level: fallbackLevel, degraded };
}

/** A model client's error says what was tried. */
function triesOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'tries' in error ? error.tries : undefined;
}

function isTimeout(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'RESILIENCE_TIMEOUT';
}
