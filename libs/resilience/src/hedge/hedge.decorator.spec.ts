import 'reflect-metadata';

import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';

import { Attempt, type AttemptContext, ResilienceModule, ResilienceService } from '../index.js';
import { FakeClock } from '../testing/fake-clock.js';
import { Hedge } from './index.js';

const clock = new FakeClock();
const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimer(resolve, ms));

@Hedge({ delay: 100, maxHedges: 2 })
@Injectable()
class Catalog {
  readonly seen: AttemptContext[] = [];

  async find(sku: string, @Attempt() attempt?: AttemptContext): Promise<string> {
    if (attempt !== undefined) this.seen.push(attempt);
    void attempt?.signal;
    await sleep(attempt?.number === 3 ? 10 : 5000);
    return `${sku} by ${attempt?.number}`;
  }

  @Hedge('50ms')
  async list(@Attempt() attempt?: AttemptContext): Promise<number> {
    await sleep(attempt?.number === 2 ? 10 : 5000);
    return clock.now();
  }

  count(): number {
    return 3;
  }
}

describe('@Hedge in an application', () => {
  let app: TestingModule;

  afterEach(() => app.close());

  it('on a class hedges each of its methods that has no @Hedge of its own, and leaves synchronous ones alone', async () => {
    const imports = [ResilienceModule.forRoot({ clock })];
    app = await Test.createTestingModule({ imports, providers: [Catalog] }).compile();
    await app.init();
    const catalog = app.get(Catalog);
    const startedAt = clock.now();

    const [found, listed] = [catalog.find('7'), catalog.list()];
    expect(catalog.count()).toBe(3);
    await clock.advance('10s');

    expect(await found).toBe('7 by 3');
    expect((await listed) - startedAt).toBe(60);
    expect(catalog.seen.map(({ number, signal }) => [number, signal.aborted])).toEqual([
      [1, true],
      [2, true],
      [3, false],
    ]);
    const hedges = [...app.get(ResilienceService).hedges()].map(({ name, started, won }) => [name, started, won]);
    expect(hedges.sort()).toEqual([
      ['Catalog.count', 0, 0],
      ['Catalog.find', 2, 1],
      ['Catalog.list', 1, 1],
    ]);
  });
});
