import { type DynamicModule, type InjectionToken, Module, type Provider } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';

import { DeadLetterService } from '../dead-letter/dead-letter.service.js';
import { DeadLetterStore } from '../dead-letter/store/dead-letter.store.js';
import { DeadLetterWriter } from '../dead-letter/dead-letter.writer.js';
import { ResilienceOptionsError } from '../engine/errors.js';
import { FigureTable } from './figures/figure-table.js';
import { figureTable } from './figures/figure-table.provider.js';
import { HandlerRequests } from './private/handler-request.js';
import { ResilienceExplorer } from './resilience.explorer.js';
import { ResilienceInstallation } from './resilience.installation.js';
import { ResilienceInterceptor } from './resilience.interceptor.js';
import { ResilienceLifecycle } from './resilience.lifecycle.js';
import {
  readModuleOptions,
  type ResilienceModuleAsyncOptions,
  type ResilienceModuleOptions,
  type ResilienceOptionsFactory,
} from './resilience.options.js';
import { runtimeProviders } from './resilience.providers.js';
import { ResilienceService } from './resilience.service.js';
import { StoreFaults } from './store-faults.js';
import {
  RESILIENCE_CLOCK,
  RESILIENCE_EVENTS,
  RESILIENCE_MODULE_OPTIONS,
  RESILIENCE_RANDOM,
  RESILIENCE_RUNTIME,
} from './tokens.js';
import { ResilienceErrorFilter } from './wire/resilience-error.filter.js';

/** Puts the decorators of this package into effect in an application. Import it once, in the root module; it is global. */
@Module({})
export class ResilienceModule {
  /** @throws ResilienceOptionsError with every problem of the options at once */
  static forRoot(options: ResilienceModuleOptions = {}): DynamicModule {
    return assemble([{ provide: RESILIENCE_MODULE_OPTIONS, useValue: readModuleOptions(options) }]);
  }

  /** Takes its options from a factory, a class or an existing provider. */
  static forRootAsync(options: ResilienceModuleAsyncOptions): DynamicModule {
    return { ...assemble(asyncProviders(options)), imports: [DiscoveryModule, ...(options.imports ?? [])] };
  }
}

function assemble(optionProviders: Provider[]): DynamicModule {
  return {
    module: ResilienceModule,
    global: true,
    imports: [DiscoveryModule],
    providers: [
      ...optionProviders,
      ...runtimeProviders,
      ResilienceService,
      figureTable,
      ResilienceInterceptor,
      ResilienceInstallation,
      HandlerRequests,
      ResilienceExplorer,
      ResilienceLifecycle,
      ResilienceErrorFilter,
      StoreFaults,
    ],
    exports: [
      ResilienceService,
      FigureTable,
      DeadLetterService,
      DeadLetterStore,
      DeadLetterWriter,
      StoreFaults,
      RESILIENCE_RUNTIME,
      RESILIENCE_CLOCK,
      RESILIENCE_RANDOM,
      RESILIENCE_EVENTS,
    ],
  };
}

function asyncProviders({ useFactory, useClass, useExisting, inject }: ResilienceModuleAsyncOptions): Provider[] {
  if (useFactory !== undefined) {
    return [
      {
        provide: RESILIENCE_MODULE_OPTIONS,
        inject: [...((inject ?? []) as InjectionToken[])],
        useFactory: async (...args: never[]) => readModuleOptions(await useFactory(...args)),
      },
    ];
  }
  const factory = useExisting ?? useClass;
  if (factory === undefined) {
    throw new ResilienceOptionsError([
      { path: 'ResilienceModule.forRootAsync', value: undefined, allowed: 'one of useFactory, useClass, useExisting' },
    ]);
  }
  return [
    ...(useClass === undefined ? [] : [useClass]),
    {
      provide: RESILIENCE_MODULE_OPTIONS,
      inject: [factory],
      useFactory: async (from: ResilienceOptionsFactory) => readModuleOptions(await from.createResilienceOptions()),
    },
  ];
}
