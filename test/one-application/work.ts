import type { AttemptContext } from '@nest-resilience/core';
import { Injectable } from '@nestjs/common';

/** What the handlers of a spec's one application do, and how often they were run. Handlers are named `Shop.retried`. */
@Injectable()
export class Work {
  private readonly runs = new Map<string, number>();
  private readonly signals = new Map<string, AbortSignal | undefined>();

  runsOf(handler: string): number {
    return this.runs.get(handler) ?? 0;
  }

  signalOf(handler: string): AbortSignal | undefined {
    return this.signals.get(handler);
  }

  /** Fails in the runs that are listed, counted from 1; in all of them by default of `retried`, `failing` and so on. */
  async run(shop: object, method: keyof typeof FAILING_RUNS): Promise<string> {
    const number = this.begin(`${shop.constructor.name}.${method}`);
    return FAILING_RUNS[method](number) ? Promise.reject(new Error('down')) : Promise.resolve('done');
  }

  /** Never answers. */
  wait(shop: object, attempt?: AttemptContext): Promise<string> {
    const handler = `${shop.constructor.name}.waiting`;
    this.signals.set(handler, attempt?.signal);
    this.begin(handler);
    return new Promise(() => undefined);
  }

  private begin(handler: string): number {
    const number = this.runsOf(handler) + 1;
    this.runs.set(handler, number);
    return number;
  }
}

const FAILING_RUNS = {
  fine: (_run: number) => false,
  /** Succeeds in its third run. */
  retried: (run: number) => run < 3,
  failing: (_run: number) => true,
  /** One success, then one failure. */
  mixed: (run: number) => run > 1,
};

/** The options of `retried` and `failing`, whatever their transport. */
export const TWICE = { maxRetries: 2, strategy: 'immediate', budget: false } as const;
export const PATIENT = { failureThreshold: 100 } as const;
