import type { Clock, FailureReason } from '@nest-resilience/core';
import type { TargetState } from '../chain/target-state.js';
import type { LlmTry } from '../llm.result.js';
import type { LlmPaidChecks, LlmProviderHealth } from './health-record.js';

/** One thing that was seen of a provider. */
export interface Evidence {
  readonly ok: boolean;
  readonly source: 'check' | 'traffic';
  readonly at: number;
  readonly latencyMs: number;
  readonly reason?: FailureReason;
  /** A fixed sentence, none of the provider's: health is often open to everybody. */
  readonly message?: string;
  /** It answers, but its model is not in its list. */
  readonly missing?: boolean;
  /** A model was asked, no mere list. */
  readonly asked?: boolean;
}

/** Failures of real calls that say the account is at fault: no list of models would notice, and no retry heals them. */
const OF_THE_ACCOUNT: readonly (FailureReason | undefined)[] = ['auth', 'quota'];

/** Nobody looks at a text, or counts a request, before it has looked at the key. */
export const PROVING: readonly (FailureReason | undefined)[] = ['context_length', 'content_policy', 'rate_limit'];

/** No reason for a circuit to be open, so none that may be given for it. */
const OF_THE_CALLER: readonly FailureReason[] = ['context_length', 'content_policy', 'bad_request', 'aborted'];

export interface ConnectivityOptions {
  readonly clock: Clock;
  /** How its models stand at present. */
  readonly targets: (provider: string) => readonly TargetState[];
  /** Older evidence that no check renews says nothing any more. */
  readonly staleAfterMs: () => number;
  /** What its checks cost; `undefined` for one whose checks never cost anything. */
  readonly paidChecks: (provider: string) => LlmPaidChecks | undefined;
}

/** The last evidence about each provider, from checks and from real calls. */
export class Connectivity {
  private readonly last = new Map<string, Evidence>();
  private readonly lastSuccess = new Map<string, number>();
  private readonly lastFailure = new Map<string, Evidence>();
  private readonly withheld = new Set<string>();
  /** Answers 403 in a row, without a success between. */
  private readonly forbidden = new Map<string, number>();
  private readonly clock: Clock;

  constructor(
    private providers: readonly string[],
    private readonly options: ConnectivityOptions,
  ) {
    this.clock = options.clock;
  }

  /** What was seen of those that stay is kept. */
  reconfigure(providers: readonly string[]): void {
    this.providers = providers;
  }

  /**
   * Real traffic proves a provider; a single failure disproves it only where the account itself is refused, and a 403, which may be about one
   * text, when it comes twice. Of all other failures the circuit decides how many are too many: while it is open, the last is the evidence.
   */
  tried({ provider, outcome, reason, durationMs, again }: LlmTry): void {
    // What is asked again in another way tells in the end.
    if (outcome === 'rejected' || outcome === 'skipped' || again === true) return;
    const proven = outcome !== 'failed' || PROVING.includes(reason);
    if (proven) this.note(provider, { ok: true, source: 'traffic', latencyMs: durationMs, asked: true });
    if (outcome === 'ok' || reason === undefined || PROVING.includes(reason) || OF_THE_CALLER.includes(reason)) return;
    const at = this.clock.now();
    const evidence = { ok: false, source: 'traffic', at, latencyMs: durationMs, reason } as const;
    this.lastFailure.set(provider, evidence);
    const forbidden = reason === 'permission' ? (this.forbidden.get(provider) ?? 0) + 1 : 0;
    this.forbidden.set(provider, forbidden);
    if (OF_THE_ACCOUNT.includes(reason) || forbidden > 1) this.note(provider, evidence);
  }

  note(provider: string, evidence: Omit<Evidence, 'at'>): void {
    this.withheld.delete(provider);
    this.last.set(provider, { ...evidence, at: this.clock.now() });
    if (!evidence.ok) return;
    this.lastSuccess.set(provider, this.clock.epochNow());
    this.forbidden.delete(provider);
  }

  /** A check was left out, because it costs money that must not be spent. What was known stays, and ages. */
  withhold(provider: string): void {
    this.withheld.add(provider);
  }

  /** Whether the account had no money when it was last looked at: a list of models is free, so it would not notice. */
  isOutOfMoney(provider: string): boolean {
    return this.evidenceOf(provider)?.reason === 'quota';
  }

  /** Whether a real call went well within the last `withinMs`. */
  provenByTraffic(provider: string, withinMs: number): boolean {
    const last = this.evidenceOf(provider);
    return last?.ok === true && last.source === 'traffic' && this.clock.now() - last.at < withinMs;
  }

  /** Whether it asked to be left alone: nor is it checked then. */
  isCooling(provider: string): boolean {
    return this.options.targets(provider).some(({ state }) => state === 'cooling');
  }

  of(provider: string): LlmProviderHealth {
    const targets = this.options.targets(provider);
    const last = this.evidenceOf(provider, targets);
    const paidChecks = this.options.paidChecks(provider);
    const onChecks = {
      ...(this.withheld.has(provider) && { skipped: 'cost_cap' as const }),
      ...(paidChecks && { paidChecks }),
    };
    const lastSuccess = this.lastSuccess.get(provider);
    const aged = last && {
      source: last.source,
      latencyMs: last.latencyMs,
      ...(lastSuccess !== undefined && { lastSuccessAt: new Date(lastSuccess).toISOString() }),
      ageMs: this.clock.now() - last.at,
    };
    const isUnknown = last === undefined || this.isStale(provider, last, targets);
    const ailing = last?.ok === false && !isUnknown ? undefined : this.ailing(provider, targets, last);
    if (ailing !== undefined) return { provider, status: 'degraded', ...aged, ...ailing, ...onChecks };
    // A provider that is down gets no traffic that could prove it: an old "down" that nobody looks into would stay for good.
    if (isUnknown) return { provider, status: 'unknown', ...aged, ...onChecks };
    return {
      provider,
      status: last.ok ? 'up' : 'down',
      ...aged,
      ...(last.reason && { reason: last.reason }),
      ...(last.message && { message: last.message }),
      ...onChecks,
    };
  }

  all(): LlmProviderHealth[] {
    return this.providers.map((provider) => this.of(provider));
  }

  /** What keeps a provider that answers from being well. */
  private ailing(
    provider: string,
    targets: readonly TargetState[],
    last: Evidence | undefined,
  ): Pick<LlmProviderHealth, 'reason' | 'message'> | undefined {
    const down = targets.find((target) => target.state === 'down');
    const cooling = targets.find((target) => target.state === 'cooling');
    const failure = this.lastFailure.get(provider);
    if (down) return { reason: down.reason ?? failure?.reason ?? 'circuit_open', message: 'one of its models is down' };
    if (cooling) return { reason: cooling.reason, message: 'asked to be left alone' };
    const provenSince = last?.ok === true && last.asked === true && last.at > (failure?.at ?? -Infinity);
    if (targets.some(({ state }) => state === 'half_open') && !provenSince)
      return {
        reason: failure?.reason ?? 'circuit_open',
        message: 'its circuit is half open, and nothing has proven it since',
      };
    if (last?.missing === true)
      return { reason: 'not_found', message: 'its list of models lacks the one that is configured' };
    return undefined;
  }

  /** An open circuit is no matter of age. */
  private isStale(provider: string, last: Evidence, targets: readonly TargetState[]): boolean {
    if (!this.withheld.has(provider) || isShut(targets)) return false;
    return this.clock.now() - last.at > this.options.staleAfterMs();
  }

  private evidenceOf(provider: string, targets = this.options.targets(provider)): Evidence | undefined {
    const last = this.last.get(provider);
    if (last?.ok === false || !isShut(targets)) return last;
    // Shut by an operator, perhaps, without any failure.
    const [first] = targets;
    const reason = (first?.state === 'down' && first.reason) || 'circuit_open';
    const shut: Evidence = { ok: false, source: 'traffic', at: this.clock.now(), latencyMs: 0, reason };
    return this.lastFailure.get(provider) ?? shut;
  }
}

/** Whether no model of it is asked at present, or only when nobody else can answer. */
function isShut(targets: readonly TargetState[]): boolean {
  return targets.length > 0 && targets.every(({ state }) => state === 'down');
}
