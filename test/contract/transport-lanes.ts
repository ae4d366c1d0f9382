import 'reflect-metadata';

import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';

import { Controller, Get, Injectable, Param, type Type } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { ClientProxyFactory, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { Cron, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { ResilienceModule, ResilienceService } from '@nest-resilience/core';
import type { FakeClock } from '@nest-resilience/core/testing';
import { Test, type TestingModule } from '@nestjs/testing';
import { lastValueFrom } from 'rxjs';

import { type Lane, type OpenLane, until } from './lane.js';
import { Script } from './script.js';
import { defineMethods, methodName, type ReturnKind, subjectClass } from './subject.js';

/** What Nest's routers understand: an async iterable from a handler is not a stream to them. */
const HANDLER_KINDS: readonly ReturnKind[] = ['promise', 'undeclared', 'sync', 'observable'];
/** Nobody subscribes to what a job or a listener returns. */
const JOB_KINDS: readonly ReturnKind[] = ['promise', 'undeclared', 'sync'];

async function compile(
  clock: FakeClock,
  parts: { controllers?: Type[]; providers?: Type[]; imports?: never[] | object[] },
): Promise<TestingModule> {
  return Test.createTestingModule({
    imports: [ResilienceModule.forRoot({ clock }), ...((parts.imports ?? []) as [])],
    controllers: parts.controllers ?? [],
    providers: [Script, ...(parts.providers ?? [])],
  }).compile();
}

const http: Lane = {
  name: 'controller over HTTP',
  kinds: HANDLER_KINDS,
  handler: true,
  translatesErrors: true,
  open: async (clock) => {
    const type = subjectClass('HttpSubject');
    Controller('subject')(type);
    defineMethods(type, HANDLER_KINDS, (method, prototype) => {
      Param('x')(prototype, method, 0);
      return [Get(`${method}/:x`)];
    });
    const module = await compile(clock, { controllers: [type] });
    const app = module.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    return {
      app,
      className: type.name,
      script: app.get(Script),
      call: async (kind, policy, arg) => {
        const response = await fetch(`${url}/subject/${methodName(kind, policy)}/${arg}`);
        const text = await response.text();
        if (!response.ok) throw new Error(`${response.status} ${text}`);
        return text;
      },
      close: () => app.close(),
    };
  },
};

const tcp: Lane = {
  name: 'TCP message handler',
  kinds: HANDLER_KINDS,
  handler: true,
  translatesErrors: true,
  open: async (clock) => {
    const type = subjectClass('TcpSubject');
    Controller()(type);
    defineMethods(type, HANDLER_KINDS, (method, prototype) => {
      Payload()(prototype, method, 0);
      return [MessagePattern(method)];
    });
    const module = await compile(clock, { controllers: [type] });
    const port = await freePort();
    const app = module.createNestMicroservice({
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port },
      logger: false,
    });
    await app.listen();
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
    await client.connect();
    return {
      app,
      className: type.name,
      script: app.get(Script),
      call: (kind, policy, arg) => lastValueFrom(client.send<unknown, string>(methodName(kind, policy), arg)),
      close: async () => {
        await client.close();
        await app.close();
      },
    };
  },
};

/** Runs the trigger and waits until the method's call has been accounted for. */
async function fire(app: TestingModule, metric: string, trigger: () => unknown): Promise<undefined> {
  const total = (): number => app.get(ResilienceService).metrics().methods[metric]?.total ?? 0;
  const before = total();
  trigger();
  await until(() => total() > before);
  return undefined;
}

const cron: Lane = {
  name: '@Cron job',
  kinds: JOB_KINDS,
  fireAndForget: true,
  withoutArguments: true,
  open: async (clock) => {
    const type = subjectClass('CronSubject');
    defineMethods(type, JOB_KINDS, (method) => [Cron('0 0 1 1 *', { name: method })]);
    const app = await compile(clock, { providers: [type], imports: [ScheduleModule.forRoot()] });
    app.useLogger(false);
    await app.init();
    return {
      app,
      className: type.name,
      script: app.get(Script),
      call: (kind, policy) => {
        const name = methodName(kind, policy);
        return fire(app, `${type.name}.${name}`, () => void app.get(SchedulerRegistry).getCronJob(name).fireOnTick());
      },
      close: () => app.close(),
    } satisfies OpenLane;
  },
};

const onEvent: Lane = {
  name: '@OnEvent listener',
  kinds: JOB_KINDS,
  fireAndForget: true,
  open: async (clock) => {
    const type = subjectClass('OnEventSubject');
    Injectable()(type);
    defineMethods(type, JOB_KINDS, (method) => [OnEvent(`contract.${method}`)]);
    const app = await compile(clock, { providers: [type], imports: [EventEmitterModule.forRoot()] });
    app.useLogger(false);
    await app.init();
    return {
      app,
      className: type.name,
      script: app.get(Script),
      call: (kind, policy, arg) => {
        const name = methodName(kind, policy);
        return fire(app, `${type.name}.${name}`, () => void app.get(EventEmitter2).emit(`contract.${name}`, arg));
      },
      close: () => app.close(),
    } satisfies OpenLane;
  },
};

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export const transportLanes: readonly Lane[] = [http, tcp, cron, onEvent];
