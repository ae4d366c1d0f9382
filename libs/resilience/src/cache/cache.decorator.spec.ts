import 'reflect-metadata';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, type INestApplication, Injectable, Module, Param } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import type { App } from 'supertest/types.js';

import {
  Attempt,
  type AttemptContext,
  Cache,
  Coalesce,
  Fallback,
  ResilienceModule,
  ResilienceService,
} from '../index.js';
import { FakeClock } from '../testing/fake-clock.js';

@Injectable()
class Catalog {
  calls: string[] = [];

  @Coalesce()
  @Fallback({ value: 'none' })
  @Cache({ ttl: '10s', staleIfError: '1m' })
  async find(id: string, @Attempt() attempt?: AttemptContext): Promise<string> {
    this.calls.push(`${id} ${attempt?.number ?? 0}`);
    if (id === 'broken') throw new Error('down');
    return `product ${id}`;
  }

  @Cache({ ttl: '10s', key: (tenant: string) => tenant, cacheResult: (list: string[]) => list.length > 0 })
  async list(tenant: string): Promise<string[]> {
    this.calls.push(tenant);
    return tenant === 'empty' ? [] : [tenant];
  }
}

@Controller('products')
class Products {
  calls = 0;

  @Cache('10s')
  @Get(':id')
  get(@Param('id') id: string): string {
    this.calls++;
    return `product ${id}`;
  }
}

@Module({ controllers: [Products], providers: [Catalog] })
class CatalogModule {}

describe('In a Nest application', () => {
  let app: INestApplication<App>;
  let clock: FakeClock;
  let catalog: Catalog;

  beforeEach(async () => {
    clock = new FakeClock();
    const testing = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot({ clock }), CatalogModule],
    }).compile();
    app = testing.createNestApplication({ logger: false });
    await app.init();
    catalog = app.get(Catalog);
  });

  afterEach(() => app.close());

  it('a call is answered by an earlier one, or joins one that runs; the attempt is no part of its key', async () => {
    const [first, second] = await Promise.all([catalog.find('1'), catalog.find('1')]);

    expect([first, second, await catalog.find('1')]).toEqual(['product 1', 'product 1', 'product 1']);
    expect(catalog.calls).toEqual(['1 1']);
  });

  it('cacheResult and key are functions of what the method returns and takes', async () => {
    for (const tenant of ['a', 'a', 'empty', 'empty']) await catalog.list(tenant);

    expect(catalog.calls).toEqual(['a', 'empty', 'empty']);
  });

  it('the service knows every cache, and empties it', async () => {
    await catalog.find('1');
    await catalog.find('1');

    const [cache] = app
      .get(ResilienceService)
      .caches()
      .filter(({ name }) => name === 'Catalog.find');
    expect(cache).toMatchObject({ hits: 1, misses: 1, stale: 0, size: 1 });
    cache?.clear();
    await catalog.find('1');

    expect(catalog.calls).toHaveLength(2);
  });

  it('counts who joined', async () => {
    await Promise.all([catalog.find('1'), catalog.find('1'), catalog.find('1')]);

    expect([...app.get(ResilienceService).coalesced()]).toMatchObject([{ name: 'Catalog.find', joined: 2 }]);
  });

  it('a report says where both stand: between the fallback and the total timeout', () => {
    const report = app
      .get(ResilienceService)
      .policies()
      .find(({ name }) => name === 'Catalog.find');

    expect(report?.layers).toMatchObject([
      { policy: 'Fallback' },
      { policy: 'Cache', options: { ttl: 10_000, staleIfError: 60_000, maxEntries: 1000 } },
      { policy: 'Coalesce', options: {} },
    ]);
  });

  it('a handler is asked once per request: its arguments are known when it is reached', async () => {
    const get = (id: number) => request(app.getHttpServer()).get(`/products/${id}`);

    await get(1).expect('product 1');
    await get(2).expect('product 2');
    await get(1).expect('product 1');

    expect(app.get(Products).calls).toBe(2);
  });
});
