import { ConfigurableModuleBuilder, type DynamicModule, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';

import { DeadLetterService } from '../dead-letter/dead-letter.service.js';
import { DeadLetterStore } from '../dead-letter/store/dead-letter.store.js';
import { DeadLetterWriter } from '../dead-letter/dead-letter.writer.js';
import { FigureTable } from './figures/figure-table.js';
import { figureTable } from './figures/figure-table.provider.js';
import { extended, GIVEN_OPTIONS, settings } from './module-options.js';
import { HandlerRequests } from './private/handler-request.js';
import { ResilienceExplorer } from './resilience.explorer.js';
import { ResilienceInstallation } from './resilience.installation.js';
import { ResilienceInterceptor } from './resilience.interceptor.js';
import { ResilienceLifecycle } from './resilience.lifecycle.js';
import { readModuleOptions, type ResilienceModuleOptions } from './resilience.options.js';
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

/** Given beside the factory of `forRootAsync`. */
const STATICS: Pick<ResilienceModuleOptions, 'isGlobal'> = { isGlobal: true };

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<ResilienceModuleOptions>({
  optionsInjectionToken: GIVEN_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createResilienceOptions')
  .setExtras(STATICS, assemble)
  .build();

/**
 * Puts the decorators of this package into effect in an application. Import it once, in the root module; it is global. Options that
 * cannot work are a ResilienceOptionsError with every problem at once.
 */
@Module({
  imports: [DiscoveryModule],
  providers: [
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
})
export class ResilienceModule extends ConfigurableModuleClass {
  static override forRoot(options: ResilienceModuleOptions = {}): DynamicModule {
    return super.forRoot(options);
  }
}

function assemble(definition: DynamicModule, given: ResilienceModuleOptions): DynamicModule {
  const { isGlobal } = readModuleOptions(given);
  return extended(definition, {
    global: isGlobal,
    providers: [settings({ provide: RESILIENCE_MODULE_OPTIONS, read: readModuleOptions, given, statics: STATICS })],
  });
}
