/**
 * Pain 19, SocketSomeone/nestjs-resilience#487: the decorator keeps the first instance it sees, so that later requests run on the
 * `this` of an earlier one. Here `this` and the arguments belong to the call, and only the circuit, by name, to all of them.
 *
 * No peer: nestjs-resilience 2.1.3 has this fixed, and the others have no instances.
 */
import 'reflect-metadata';

import { describe, expect, it } from '@jest/globals';
import { Inject, Injectable, Scope } from '@nestjs/common';
import { ContextIdFactory, REQUEST } from '@nestjs/core';
import { CircuitBreaker, CircuitOpenError, Fallback, ResilienceService, Retry } from '@nest-resilience/core';
import { defer, lastValueFrom, type Observable } from 'rxjs';

import { type App, boot, lastItem, outcome } from './app.js';

interface Tenant {
  readonly name: string;
}

@Injectable({ scope: Scope.REQUEST })
class Orders {
  attempts = 0;
  constructor(@Inject(REQUEST) readonly tenant: Tenant) {}

  @Retry({ maxRetries: 2, baseDelay: '1s', jitter: 'none', budget: false })
  promise(order: string): Promise<string> {
    return this.thirdTime(order);
  }
  @Retry({ maxRetries: 2, baseDelay: '1s', jitter: 'none', budget: false })
  observable(order: string): Observable<string> {
    return defer(() => this.thirdTime(order));
  }
  @Retry({ maxRetries: 2, baseDelay: '1s', jitter: 'none', budget: false })
  async *iterable(order: string): AsyncGenerator<string> {
    yield await this.thirdTime(order);
  }
  @CircuitBreaker({ failureThreshold: 1 })
  async failing(): Promise<string> {
    throw new Error(`${this.tenant.name} is down`);
  }
  @Fallback('mine')
  async rescued(): Promise<string> {
    throw new Error('down');
  }

  mine(): string {
    return `rescued by ${this.tenant.name}`;
  }
  private async thirdTime(order: string): Promise<string> {
    if (++this.attempts < 3) throw new Error('not yet');
    return `${order} of ${this.tenant.name} after ${this.attempts}`;
  }
}

@Injectable({ scope: Scope.TRANSIENT })
class Counter {
  count = 0;
  @Retry({ maxRetries: 1, strategy: 'immediate' })
  async next(): Promise<number> {
    if (++this.count === 1) throw new Error('not yet');
    return this.count;
  }
}

function forTenant({ app }: App, name: string): Promise<Orders> {
  const contextId = ContextIdFactory.create();
  app.registerRequestByContextId({ name } satisfies Tenant, contextId);
  return app.resolve(Orders, contextId);
}

describe('Pain 19: the `this` of a request-scoped provider goes stale', () => {
  it.each(['promise', 'observable', 'iterable'] as const)(
    'requests that overlap keep their own instance through all attempts: %s',
    async (kind) => {
      const booted = await boot([Orders]);
      const call = (orders: Orders, order: string): Promise<string | undefined> => {
        if (kind === 'promise') return orders.promise(order);
        return kind === 'observable' ? lastValueFrom(orders.observable(order)) : lastItem(orders.iterable(order));
      };
      const answers: Promise<unknown>[] = [];
      for (const tenant of ['acme', 'globex', 'initech']) {
        answers.push(call(await forTenant(booted, tenant), `${tenant}-1`));
      }

      await booted.clock.advance('10s');

      expect(await Promise.all(answers)).toEqual([
        'acme-1 of acme after 3',
        'globex-1 of globex after 3',
        'initech-1 of initech after 3',
      ]);
      await booted.close();
    },
  );

  it('a fallback runs on the instance of its own request', async () => {
    const booted = await boot([Orders]);
    await (await forTenant(booted, 'acme')).rescued();

    expect(await (await forTenant(booted, 'globex')).rescued()).toBe('rescued by globex');

    await booted.close();
  });

  it('what is meant to be shared is: one circuit for all instances', async () => {
    const booted = await boot([Orders]);
    await outcome((await forTenant(booted, 'acme')).failing());

    expect(await outcome((await forTenant(booted, 'globex')).failing())).toBeInstanceOf(CircuitOpenError);

    expect(booted.app.get(ResilienceService).circuits()).toHaveLength(1);
    await booted.close();
  });

  it('transient instances keep their own state too', async () => {
    const { app, close } = await boot([Counter]);
    const [first, second] = [await app.resolve(Counter), await app.resolve(Counter)];

    expect([await first.next(), await second.next()]).toEqual([2, 2]);

    expect(first).not.toBe(second);
    await close();
  });
});
