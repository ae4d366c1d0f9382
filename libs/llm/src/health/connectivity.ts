import type { Clock, FailureReason } from '@nest-resilience/core';
import type { LlmTry } from '../llm.result.js';
import type { LlmProviderHealth } from './health-record.js';

/** One thing that was seen of a provider. */
export interface Evidence {
  readonly ok: boolean;
  readonly source: 'check' | 'traffic';
  readonly at: number;
  readonly latencyMs: number;
  readonly reason?: FailureReason;
  readonly message?: string;
}

/** Failures of real calls that say the account is at fault: no list of models would notice, and no retry heals them. */
const OF_THE_ACCOUNT: readonly (FailureReason | undefined)[] = ['auth', 'quota', 'permission'];

/** The last evidence about each provider, from checks and from real calls. */
export class Connectivity {
  private readonly last = new Map<string, Evidence>();
  private readonly lastSuccess = new Map<string, number>();

  constructor(
    readonly providers: readonly string[],
    private readonly clock: Clock,
  ) {}

  /** Real traffic proves a provider; it disproves one only where the account itself is refused, the rest is the circuit's business. */
  tried({ provider, outcome, reason, message, durationMs }: LlmTry): void {
    if (outcome === 'ok' || outcome === 'invalid')
      this.note(provider, { ok: true, source: 'traffic', latencyMs: durationMs });
    else if (outcome === 'failed' && OF_THE_ACCOUNT.includes(reason)) {
      this.note(provider, {
        ok: false,
        source: 'traffic',
        latencyMs: durationMs,
        ...(reason && { reason }),
        ...(message && { message }),
      });
    }
  }

  note(provider: string, evidence: Omit<Evidence, 'at'>): void {
    this.last.set(provider, { ...evidence, at: this.clock.now() });
    if (evidence.ok) this.lastSuccess.set(provider, this.clock.epochNow());
  }

  /** Whether a real call went well within the last `withinMs`. */
  provenByTraffic(provider: string, withinMs: number): boolean {
    const last = this.last.get(provider);
    return last?.ok === true && last.source === 'traffic' && this.clock.now() - last.at < withinMs;
  }

  of(provider: string): LlmProviderHealth {
    const last = this.last.get(provider);
    const lastSuccess = this.lastSuccess.get(provider);
    if (last === undefined) return { provider, status: 'unknown' };
    return {
      provider,
      status: last.ok ? 'up' : 'down',
      source: last.source,
      latencyMs: last.latencyMs,
      ...(lastSuccess !== undefined && { lastSuccessAt: new Date(lastSuccess).toISOString() }),
      ageMs: this.clock.now() - last.at,
      ...(last.reason && { reason: last.reason }),
      ...(last.message && { message: last.message }),
    };
  }

  all(): LlmProviderHealth[] {
    return this.providers.map((provider) => this.of(provider));
  }
}
