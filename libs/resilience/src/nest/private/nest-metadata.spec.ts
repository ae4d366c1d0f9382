import { describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Module,
  Req,
  RequestMethod,
  Sse,
  UseFilters,
  UseGuards,
  Version,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { Query, Resolver } from '@nestjs/graphql';
import { MessagePattern } from '@nestjs/microservices';
import { RouteConfig } from '@nestjs/platform-fastify';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { EMPTY } from 'rxjs';

import { NEST_METADATA, OTHER_TRANSPORTS, REQUEST_PARAMETER } from './nest-metadata.js';

class Filter {
  catch(): void {}
}
class Guard {
  canActivate(): boolean {
    return true;
  }
}

@Controller({ path: 'orders', host: 'shop.example' })
@UseGuards(Guard)
@UseFilters(Filter)
class Orders {
  @Get('all')
  @Version(VERSION_NEUTRAL)
  @RouteConfig({ own: true })
  all(@Req() _request: unknown): void {}

  @Sse('events')
  events() {
    return EMPTY;
  }
}

@Module({ imports: [Orders] })
class Imports {}

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('ask')
  ask(): void {}
}

@Resolver()
class Everything {
  @MessagePattern('ask')
  rpc(): void {}

  @Query(() => String)
  query(): string {
    return '';
  }
}

describe('The installed Nest', () => {
  const of = (target: object, key: keyof typeof NEST_METADATA): unknown =>
    Reflect.getMetadata(NEST_METADATA[key], target);
  const { all, events } = Orders.prototype;

  it.each<[keyof typeof NEST_METADATA, object, unknown]>([
    ['path', Orders, 'orders'],
    ['path', all, 'all'],
    ['host', Orders, 'shop.example'],
    ['method', all, RequestMethod.GET],
    ['version', all, VERSION_NEUTRAL],
    ['guards', Orders, [Guard]],
    ['filters', Orders, [Filter]],
    ['sse', events, true],
    ['fastifyRouteConfig', all, { own: true }],
    ['imports', Imports, [Orders]],
    ['gateway', Gateway, true],
    ['webSocketMessage', Gateway.prototype.ask, 'ask'],
    ['microservicePattern', Everything.prototype.rpc, ['ask']],
    ['graphqlResolver', Everything.prototype.query, 'Query'],
  ])('keeps %s where we look for it', (key, target, value) => {
    expect(of(target, key)).toEqual(value);
  });

  it('keeps the parameters of a route by kind and place', () => {
    const parameters = Reflect.getMetadata(NEST_METADATA.routeArguments, Orders, 'all') as object;

    expect(Object.keys(parameters)).toEqual([`${REQUEST_PARAMETER}:0`]);
    expect(Object.values(parameters)).toMatchObject([{ index: 0, pipes: [] }]);
  });

  it.each(OTHER_TRANSPORTS)('puts %s on no route', (key) => {
    expect(Reflect.hasMetadata(key, all)).toBe(false);
  });
});
