import type { MonoTypeOperatorFunction } from 'rxjs';

import type { Execution } from '../engine/execution.js';
import type { PolicyContext } from '../engine/policy-context.js';
import type { HedgeStage } from '../engine/stages.js';
import type { HedgeEvents } from './hedge.events.js';
import { hedgeWith } from './hedge.operator.js';
import type { ResolvedHedgeOptions } from './hedge.options.js';
import type { HedgeRecord } from './hedge-record.js';

export class HedgePolicy implements HedgeStage {
  readonly maxHedges: number;

  constructor(
    private readonly options: ResolvedHedgeOptions,
    private readonly context: PolicyContext,
    private readonly record: HedgeRecord,
  ) {
    this.maxHedges = options.maxHedges;
  }

  delayMs(): number {
    const { delay = Infinity, percentile } = this.options;
    return percentile === undefined ? delay : (this.record.durations.quantile(percentile) ?? delay);
  }

  measured(durationMs: number): void {
    if (this.options.percentile !== undefined) this.record.durations.record(durationMs);
  }

  started(execution: Execution, hedge: number): void {
    this.record.started++;
    this.report(execution, 'resilience.hedge.started', () => ({ hedge }));
  }

  won(execution: Execution, attempt: number): void {
    this.record.won++;
    this.report(execution, 'resilience.hedge.won', () => ({ attempt }));
  }

  operator<T>(execution: Execution): MonoTypeOperatorFunction<T> {
    return hedgeWith(this, execution);
  }

  private report<K extends keyof HedgeEvents>(
    execution: Execution,
    name: K,
    details: () => Omit<HedgeEvents[K], 'policy' | 'executionId'>,
  ): void {
    if (!this.context.events.listens(name)) return;
    this.context.events.emit(name, { policy: execution.parts.name, executionId: execution.id, ...details() });
  }
}
