import {
  Bulkhead,
  Cache,
  CircuitBreaker,
  CircuitOpenError,
  DeadLetter,
  Fallback,
  RateLimit,
  ResilienceError,
  Retry,
  Timeout,
  TimeoutError,
} from '@nest-resilience/core';
import { Controller, Get, Injectable } from '@nestjs/common';

const TWICE = { maxRetries: 2, strategy: 'immediate', budget: false } as const;

export { CircuitOpenError, ResilienceError, TimeoutError };

/** A class that a user of the library made of ours. */
export class WarehouseClosedError extends CircuitOpenError {}

@Injectable()
export class SharedClient {
  calls = 0;

  @Retry(TWICE)
  @CircuitBreaker({ name: 'warehouse', failureThreshold: 10 })
  @Timeout('10s')
  @RateLimit({ limit: 100, interval: '1s' })
  @Bulkhead({ maxConcurrent: 5 })
  async fetch(): Promise<string> {
    if (++this.calls % 3 !== 0) throw new Error('not yet');
    return Promise.resolve(`after ${this.calls}`);
  }

  @DeadLetter('orders')
  @Fallback('elsewhere')
  @Cache('1s')
  async lose(order: string): Promise<string> {
    return Promise.reject(new Error(`lost ${order}`));
  }

  async elsewhere(): Promise<string> {
    return Promise.reject(new Error('nowhere'));
  }
}

@Controller('shared')
export class SharedController {
  runs = 0;

  @Get('retried')
  @Retry(TWICE)
  async retried(...args: unknown[]): Promise<object> {
    if (++this.runs < 3) throw new Error('not yet');
    return Promise.resolve({ runs: this.runs, args: args.length });
  }

  @Get('refused')
  @CircuitBreaker({ name: 'stock', failureThreshold: 1, recoveryTimeout: '90s' })
  async refused(): Promise<string> {
    return Promise.reject(new Error('down'));
  }

  /** Raised by this copy, answered by the filter of the other. */
  @Get('raised')
  raised(): never {
    throw new CircuitOpenError('another', 'open', 5_000);
  }
}
