import 'reflect-metadata';

import { request } from 'node:http';

import { describe, jest } from '@jest/globals';
import { Attempt, type AttemptContext, CircuitBreaker, ResilienceModule, Retry } from '@nest-resilience/core';
import { Injectable, Module, Scope } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { GraphQLModule, Query, Resolver } from '@nestjs/graphql';
import type { MercuriusDriverConfig } from '@nestjs/mercurius';
import { FastifyAdapter } from '@nestjs/platform-fastify';

import { countsOnceForClients } from './counted-once.js';
import { PATIENT, TWICE, Work } from './work.js';

// Serves files for GraphiQL, which is off here, and requires an ES module, which jest on Node 20 cannot.
jest.mock('@fastify/static', () => async () => undefined);
const { MercuriusDriver } = await import('@nestjs/mercurius');

@Resolver()
class Shop {
  constructor(private readonly work: Work) {}

  @Query('Shop_fine')
  @Retry(TWICE)
  fine(): Promise<string> {
    return this.work.run(this, 'fine');
  }

  @Retry(TWICE)
  @Query('Shop_retried')
  retried(): Promise<string> {
    return this.work.run(this, 'retried');
  }

  @Query('Shop_failing')
  @Retry(TWICE)
  @CircuitBreaker(PATIENT)
  failing(): Promise<string> {
    return this.work.run(this, 'failing');
  }

  @Query('Shop_mixed')
  @CircuitBreaker(PATIENT)
  mixed(): Promise<string> {
    return this.work.run(this, 'mixed');
  }

  @Query('Shop_waiting')
  @Retry(TWICE)
  waiting(@Attempt() attempt?: AttemptContext): Promise<string> {
    return this.work.wait(this, attempt);
  }
}

@Resolver()
@Injectable({ scope: Scope.REQUEST })
@Retry(TWICE)
@CircuitBreaker(PATIENT)
class ScopedShop {
  constructor(private readonly work: Work) {}

  @Query('ScopedShop_fine')
  fine(): Promise<string> {
    return this.work.run(this, 'fine');
  }

  @Query('ScopedShop_retried')
  retried(): Promise<string> {
    return this.work.run(this, 'retried');
  }

  @Query('ScopedShop_failing')
  failing(): Promise<string> {
    return this.work.run(this, 'failing');
  }

  @Query('ScopedShop_mixed')
  @Retry(0)
  mixed(): Promise<string> {
    return this.work.run(this, 'mixed');
  }

  @Query('ScopedShop_waiting')
  waiting(@Attempt() attempt?: AttemptContext): Promise<string> {
    return this.work.wait(this, attempt);
  }
}

const CLASSES = ['Shop', 'ScopedShop'];
const FIELDS = ['fine', 'retried', 'failing', 'mixed', 'waiting'];
const SCHEMA = `type Query { ${CLASSES.flatMap((name) => FIELDS.map((field) => `${name}_${field}: String`)).join('\n')} }`;

@Module({
  imports: [
    GraphQLModule.forRoot<MercuriusDriverConfig>({ driver: MercuriusDriver, typeDefs: SCHEMA }),
    ResilienceModule.forRoot(),
  ],
  providers: [Shop, ScopedShop, Work],
})
class Root {}

describe('The only application of a process, GraphQL', () => {
  countsOnceForClients(CLASSES, async () => {
    const app = await NestFactory.create(Root, new FastifyAdapter(), { logger: false });
    await app.listen(0, '127.0.0.1');
    const url = `${await app.getUrl()}/graphql`;
    const headers = { 'content-type': 'application/json' };
    const query = (name: string, field: string): string => JSON.stringify({ query: `{ ${name}_${field} }` });
    return {
      app,
      call: async (name, field) => {
        await fetch(url, { method: 'POST', headers, body: query(name, field) });
      },
      wait: (name) => {
        const client = request(url, { method: 'POST', agent: false, headers });
        client.on('error', () => undefined);
        client.end(query(name, 'waiting'));
        return () => client.destroy();
      },
    };
  });
});
