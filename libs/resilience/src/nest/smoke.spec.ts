import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { lastValueFrom, Observable, of, defer, throwError } from 'rxjs';

import {
  CircuitBreaker,
  DeadLetter,
  DeadLetterService,
  Fallback,
  ResilienceModule,
  ResilienceService,
  Retry,
  Timeout,
  createPolicy,
} from '../index.js';
import { FakeClock } from '../testing/fake-clock.js';

class Svc {
  calls = 0;
  fail = 2;
  @Retry({ maxRetries: 3, strategy: 'immediate' })
  @CircuitBreaker({ failureThreshold: 5 })
  @Timeout('1s')
  async get(x: number): Promise<number> {
    this.calls++;
    if (this.calls <= this.fail) throw new Error('boom');
    return x;
  }
  @Retry({ maxRetries: 2, strategy: 'immediate' })
  @Fallback('alt')
  async bad(_x: number): Promise<string> {
    this.calls++;
    throw new Error('bad');
  }
  alt(x: number, ctx: unknown): string {
    return `alt${x}${(ctx as { attempts: number }).attempts}`;
  }
  @Retry({ maxRetries: 2, strategy: 'immediate' })
  @DeadLetter('q')
  async dl(_x: { a: Date }): Promise<string> {
    this.calls++;
    if (this.fail > 0) throw new Error('dl');
    return 'ok';
  }
  @Retry({ maxRetries: 2, strategy: 'immediate' })
  obs(): Observable<number> {
    return defer(() => {
      this.calls++;
      return this.calls <= this.fail ? throwError(() => new Error('o')) : of(1, 2);
    });
  }
  @Retry({ maxRetries: 2, strategy: 'immediate' })
  async *gen(): AsyncGenerator<number> {
    this.calls++;
    if (this.calls <= this.fail) throw new Error('g');
    yield 1;
    yield 2;
  }
  @Retry({ maxRetries: 2, strategy: 'immediate' })
  sync(): number {
    this.calls++;
    if (this.calls <= this.fail) throw new Error('s');
    return 7;
  }
  @Timeout(100)
  @Retry({ maxRetries: 1, strategy: 'immediate' })
  async hang(): Promise<void> {
    this.calls++;
    await new Promise(() => undefined);
  }
}
Injectable()(Svc);

describe('smoke', () => {
  it('runs', async () => {
    const clock = new FakeClock();
    const mod = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot({ clock })],
      providers: [Svc],
    }).compile();
    await mod.init();
    const svc = mod.get(Svc);
    expect(await svc.get(5)).toBe(5);
    expect(svc.calls).toBe(3);
    expect(await svc.bad(1)).toBe('alt13');
    svc.calls = 0;
    const e: any = await svc.dl({ a: new Date(0) }).catch((x) => x);
    expect(e.message).toBe('dl');
    expect(typeof e.deadLetterId).toBe('string');
    const r = mod.get(ResilienceService);
    expect(r.metrics().deadLetters.size).toBe(1);
    svc.fail = 0;
    const dls = mod.get(DeadLetterService);
    const out = await dls.redrive(e.deadLetterId);
    expect(out.outcome).toBe('resolved');
    expect(r.metrics().deadLetters.size).toBe(0);
    svc.calls = 0;
    svc.fail = 2;
    expect(await lastValueFrom(svc.obs())).toBe(2);
    expect(svc.calls).toBe(3);
    svc.calls = 0;
    const items = [];
    for await (const i of svc.gen()) items.push(i);
    expect(items).toEqual([1, 2]);
    expect(svc.calls).toBe(3);
    svc.calls = 0;
    expect(svc.sync()).toBe(7);
    expect(svc.calls).toBe(3);
    svc.calls = 0;
    const h = svc.hang().catch((x) => x);
    await clock.advance(100);
    await clock.advance(100);
    expect((await h).code).toBe('RESILIENCE_TIMEOUT');
    expect(svc.calls).toBe(2);
    expect(r.metrics().methods['Svc.get']).toMatchObject({ total: 1, successful: 1, retryRate: 1, averageAttempts: 3 });
    await mod.close();
    const p = createPolicy({ retry: { maxRetries: 1, strategy: 'immediate' } });
    expect(
      await p.execute(async (a) => {
        if (a.number === 1) throw new Error('x');
        return a.number;
      }),
    ).toBe(2);
  });
});
