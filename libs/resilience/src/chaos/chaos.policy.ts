import { atOnce } from '../engine/at-once.js';
import type { PolicyContext } from '../engine/policy-context.js';
import { kindOfValue } from '../engine/return-kind.js';
import type { ChaosStage } from '../engine/stages.js';
import type { ChaosRecord } from './chaos-record.js';
import type { ChaosInjectedEvent } from './chaos.events.js';
import type { ResolvedChaosOptions } from './chaos.options.js';
import type { DisturbanceKind } from './disturbance.js';
import { addLatency } from './latency.js';
import { refuseInProduction } from './production-guard.js';

export class ChaosPolicy implements ChaosStage {
  /** @throws ResilienceOptionsError in production, unless allowed by name */
  constructor(
    private readonly options: ResolvedChaosOptions,
    private readonly context: PolicyContext,
    policy: string,
    private readonly record: ChaosRecord,
  ) {
    refuseInProduction(policy, options.name ?? policy);
  }

  around(policy: string, call: () => unknown): unknown {
    if (!this.strikes()) return call();
    const { disturbance } = this.options;
    if (disturbance.kind === 'latency') return this.slow(policy, call(), disturbance.min, disturbance.max);
    this.injected(policy, disturbance.kind);
    if (disturbance.kind === 'fault') throw atOnce(disturbance.make(), '@Chaos > fault');
    return disturbance.make();
  }

  private strikes(): boolean {
    const { rate, enabled, until = Infinity } = this.options;
    const { clock, random } = this.context;
    if (enabled === false || (typeof enabled === 'function' && !atOnce(enabled(), '@Chaos > enabled'))) return false;
    return clock.epochNow() < until && random() < rate;
  }

  private slow(policy: string, outcome: unknown, min: number, max: number): unknown {
    const kind = kindOfValue(outcome);
    if (kind === 'sync') return outcome;
    this.injected(policy, 'latency');
    return addLatency(this.context, min + (max - min) * this.context.random(), outcome);
  }

  private injected(policy: string, kind: DisturbanceKind): void {
    this.record[kind]++;
    if (!this.context.events.listens('resilience.chaos.injected')) return;
    const payload: ChaosInjectedEvent = { policy, kind };
    this.context.events.emit('resilience.chaos.injected', payload);
  }
}
