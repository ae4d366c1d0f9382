import type { Clock, FailureReason } from '@nest-resilience/core';
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
}

/** Failures of real calls that say the account is at fault: no list of models would notice, and no retry heals them. */
const OF_THE_ACCOUNT: readonly (FailureReason | undefined)[] = ['auth', 'quota', 'permission'];

/** Nobody looks at a text before it has looked at the key. */
const PROVING: readonly (FailureReason | undefined)[] = ['context_length', 'content_policy'];

/** No reason for a circuit to be open, so none that may be given for it. */
const OF_THE_CALLER: readonly FailureReason[] = ['context_length', 'content_policy', 'bad_request', 'aborted'];

export interface ConnectivityOptions {
  readonly clock: Clock;
  /** Whether its circuits let no call through at present. */
  readonly isShut: (provider: string) => boolean;
  /** Older evidence that no check renews says nothing any more. */
  readonly staleAfterMs: number;
  /** What its checks cost; `undefined` for one whose checks never cost anything. */
  readonly paidChecks: (provider: string) => LlmPaidChecks | undefined;
}

/** The last evidence about each provider, from checks and from real calls. */
export class Connectivity {
  private readonly last = new Map<string, Evidence>();
  private readonly lastSuccess = new Map<string, number>();
  private readonly lastFailure = new Map<string, Evidence>();
  private readonly withheld = new Set<string>();
  private readonly clock: Clock;

  constructor(
    readonly providers: readonly string[],
    private readonly options: ConnectivityOptions,
  ) {
    this.clock = options.clock;
  }

  /**
   * Real traffic proves a provider; a single failure disproves it only where the account itself is refused. Of all other
   * failures the circuit decides how many are too many: while it is open, the last of them is the evidence.
   */
  tried({ provider, outcome, reason, durationMs }: LlmTry): void {
    if (outcome === 'rejected' || outcome === 'skipped') return;
    if (outcome !== 'failed' || PROVING.includes(reason))
      this.note(provider, { ok: true, source: 'traffic', latencyMs: durationMs });
    if (outcome === 'ok' || (reason !== undefined && OF_THE_CALLER.includes(reason))) return;
    const evidence = {
      ok: false,
      source: 'traffic',
      at: this.clock.now(),
      latencyMs: durationMs,
      ...(reason && { reason }),
    } as const;
    this.lastFailure.set(provider, evidence);
    if (OF_THE_ACCOUNT.includes(reason)) this.note(provider, evidence);
  }

  note(provider: string, evidence: Omit<Evidence, 'at'>): void {
    this.withheld.delete(provider);
    this.last.set(provider, { ...evidence, at: this.clock.now() });
    if (evidence.ok) this.lastSuccess.set(provider, this.clock.epochNow());
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

  of(provider: string): LlmProviderHealth {
    const last = this.evidenceOf(provider);
    const paidChecks = this.options.paidChecks(provider);
    const onChecks = {
      ...(this.withheld.has(provider) && { skipped: 'cost_cap' as const }),
      ...(paidChecks && { paidChecks }),
    };
    if (last === undefined) return { provider, status: 'unknown', ...onChecks };
    const lastSuccess = this.lastSuccess.get(provider);
    const aged = {
      source: last.source,
      latencyMs: last.latencyMs,
      ...(lastSuccess !== undefined && { lastSuccessAt: new Date(lastSuccess).toISOString() }),
      ageMs: this.clock.now() - last.at,
      ...onChecks,
    };
    // A provider that is down gets no traffic that could prove it: an old "down" that nobody looks into would stay for good.
    if (this.isStale(provider, last)) return { provider, status: 'unknown', ...aged };
    return {
      provider,
      status: last.ok ? 'up' : 'down',
      ...aged,
      ...(last.reason && { reason: last.reason }),
      ...(last.message && { message: last.message }),
    };
  }

  all(): LlmProviderHealth[] {
    return this.providers.map((provider) => this.of(provider));
  }

  /** An open circuit is no matter of age. */
  private isStale(provider: string, last: Evidence): boolean {
    if (!this.withheld.has(provider) || this.options.isShut(provider)) return false;
    return this.clock.now() - last.at > this.options.staleAfterMs;
  }

  private evidenceOf(provider: string): Evidence | undefined {
    const last = this.last.get(provider);
    if (last?.ok === false || !this.options.isShut(provider)) return last;
    // Shut by an operator, perhaps, without any failure.
    const shut: Evidence = { ok: false, source: 'traffic', at: this.clock.now(), latencyMs: 0, reason: 'circuit_open' };
    return this.lastFailure.get(provider) ?? shut;
  }
}
