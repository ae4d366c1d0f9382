import 'reflect-metadata';

import { type DynamicModule, Injectable, Module, Scope, type Type } from '@nestjs/common';
import { LazyModuleLoader, ModuleRef } from '@nestjs/core';
import { ResilienceModule } from '@nest-resilience/core';
import type { FakeClock } from '@nest-resilience/core/testing';
import { Test, type TestingModule } from '@nestjs/testing';

import { type Callable, type Lane, type OpenLane, settle } from './lane.js';
import { Script } from './script.js';
import { defineMethods, methodName, RETURN_KINDS, subjectClass } from './subject.js';

async function boot(clock: FakeClock, providers: Type[], imports: DynamicModule[] = []): Promise<TestingModule> {
  const app = await Test.createTestingModule({
    imports: [ResilienceModule.forRoot({ clock }), ...imports],
    providers: [Script, ...providers],
  }).compile();
  return app.init();
}

function opened(app: TestingModule, className: string, instance: () => Promise<object> | object): OpenLane {
  return {
    app,
    className,
    script: app.get(Script),
    call: async (kind, policy, arg) => {
      const target = (await instance()) as Callable;
      return settle(target[methodName(kind, policy)]?.(arg));
    },
    close: () => app.close(),
  };
}

function scoped(name: string, scope: Scope): Lane {
  return {
    name: `service (${name})`,
    kinds: RETURN_KINDS,
    open: async (clock) => {
      const type = defineMethods(subjectClass(`${name}Subject`));
      Injectable({ scope })(type);
      const app = await boot(clock, [type]);
      return opened(app, type.name, () =>
        scope === Scope.DEFAULT ? app.get<object>(type) : app.resolve<object>(type),
      );
    },
  };
}

const inherited: Lane = {
  name: 'service (inherited)',
  kinds: RETURN_KINDS,
  open: async (clock) => {
    const base = defineMethods(subjectClass('BaseSubject'));
    const type = { ChildSubject: class extends base {} }.ChildSubject;
    Injectable()(type);
    const app = await boot(clock, [type]);
    return opened(app, type.name, () => app.get<object>(type));
  },
};

const selfCall: Lane = {
  name: 'service (self-call)',
  kinds: RETURN_KINDS,
  open: async (clock) => {
    const type = defineMethods(subjectClass('SelfCallSubject'));
    // Through an undecorated method of the same class: `this.other()`.
    Object.defineProperty(type.prototype, 'enter', {
      value: function (this: Callable, name: string, arg: string): unknown {
        return this[name]?.(arg);
      },
    });
    const app = await boot(clock, [type]);
    return {
      ...opened(app, type.name, () => app.get<object>(type)),
      call: async (kind, policy, arg) =>
        settle(app.get<{ enter(name: string, arg: string): unknown }>(type).enter(methodName(kind, policy), arg)),
    };
  },
};

const factory: Lane = {
  name: 'service (useFactory)',
  kinds: RETURN_KINDS,
  open: async (clock) => {
    const type = defineMethods(subjectClass('FactorySubject'));
    const app = await Test.createTestingModule({
      imports: [ResilienceModule.forRoot({ clock })],
      providers: [Script, { provide: 'SUBJECT', inject: [Script], useFactory: (script: Script) => new type(script) }],
    }).compile();
    await app.init();
    return opened(app, type.name, () => app.get<object>('SUBJECT'));
  },
};

const lazy: Lane = {
  name: 'service (lazy module)',
  kinds: RETURN_KINDS,
  open: async (clock) => {
    const type = defineMethods(subjectClass('LazySubject'));
    @Module({})
    class LazyModule {}
    const app = await boot(clock, []);
    const script = app.get(Script);
    const loaded: ModuleRef = await app
      .get(LazyModuleLoader)
      .load(() => ({ module: LazyModule, providers: [type, { provide: Script, useValue: script }] }));
    return opened(app, type.name, () => loaded.get<object>(type));
  },
};

/** The same class in a second application with its own state, which must not disturb the first. */
const twoApps: Lane = {
  name: 'service (second application of the process)',
  kinds: RETURN_KINDS,
  open: async (clock) => {
    const type = defineMethods(subjectClass('TwoAppsSubject'));
    const first = await boot(clock, [type]);
    const second = await boot(clock, [type]);
    const lane = opened(second, type.name, () => second.get<object>(type));
    return {
      ...lane,
      close: async () => {
        await first.close();
        await second.close();
      },
    };
  },
};

const plain: Lane = {
  name: 'plain new, beside a running application',
  kinds: RETURN_KINDS,
  plain: true,
  open: async (clock) => {
    const type = defineMethods(subjectClass('PlainSubject'));
    const app = await boot(clock, [type]);
    const lane = opened(app, type.name, () => new type(app.get(Script)));
    return lane;
  },
};

export const serviceLanes: readonly Lane[] = [
  scoped('Singleton', Scope.DEFAULT),
  scoped('Request', Scope.REQUEST),
  scoped('Transient', Scope.TRANSIENT),
  inherited,
  selfCall,
  factory,
  lazy,
  twoApps,
  plain,
];
