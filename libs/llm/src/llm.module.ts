import {
  type ConfigurableModuleAsyncOptions,
  ConfigurableModuleBuilder,
  type DynamicModule,
  Module,
} from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import {
  type AdminAccess,
  extendedModule,
  GIVEN_OPTIONS,
  moduleSettings,
  ownController,
  RESILIENCE_ADMIN,
} from '@nest-resilience/core/admin';
import { EndpointBodies, endpointController } from './endpoint/endpoint.controller.js';
import { describeEndpoint } from './endpoint/endpoint.openapi.js';
import { LlmEndpoint } from './endpoint/endpoint.service.js';
import { LlmConnectivityChecker } from './health/connectivity.checker.js';
import { LlmHealthIndicator } from './health/llm.health.js';
import { LlmTargetsController } from './http/targets.controller.js';
import { describeTargets } from './http/targets.openapi.js';
import type { LlmModuleOptions } from './llm.options.js';
import { LlmService } from './llm.service.js';
import { LLM_OPTIONS } from './llm.tokens.js';
import { readLlmOptions } from './options/read-options.js';

/** What must be known when the module is declared, also by `forRootAsync`. */
export interface LlmModuleExtras {
  /** @default true */
  readonly isGlobal?: boolean;
  /** Where the routes of an `endpoint` are that a factory makes: routes are made before it is asked. */
  readonly endpointPath?: string;
}

/** Given beside the factory of `forRootAsync`. */
const STATICS = { isGlobal: true, endpointPath: undefined } as unknown as LlmModuleExtras;

const OPENAPI = Symbol.for('nest-resilience:llm-openapi');
const ENDPOINT_OPENAPI = Symbol.for('nest-resilience:llm-endpoint-openapi');

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<LlmModuleOptions>({
  optionsInjectionToken: GIVEN_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createLlmOptions')
  .setExtras(STATICS, assemble)
  .build();

/** `useFactory`, `useClass` or `useExisting`; of a class `createLlmOptions()` is asked. */
export type LlmModuleAsyncOptions = ConfigurableModuleAsyncOptions<LlmModuleOptions, 'createLlmOptions'> &
  LlmModuleExtras;

/**
 * `LlmService`, the connectivity checks and `LlmHealthIndicator`. Needs `ResilienceModule.forRoot()` in the same application;
 * `GET /llm/targets` is closed until `AdminModule` opens it; with `ScheduleModule.forRoot()` the checks are listed in its SchedulerRegistry.
 */
@Module({
  providers: [
    LlmService,
    LlmConnectivityChecker,
    LlmHealthIndicator,
    // Stateless here and without dependencies, so the application need not import TerminusModule for it.
    HealthIndicatorService,
  ],
  exports: [LlmService, LlmConnectivityChecker, LlmHealthIndicator],
})
export class LlmModule extends ConfigurableModuleClass {
  /** @throws ResilienceOptionsError with every option that cannot work */
  static override forRoot(options: LlmModuleOptions & LlmModuleExtras): DynamicModule {
    read(options ?? {});
    return super.forRoot(options);
  }

  /** As {@link forRoot}; options that cannot work end the start of the application. */
  static override forRootAsync(options: LlmModuleAsyncOptions): DynamicModule {
    return super.forRootAsync(options);
  }
}

function assemble(definition: DynamicModule, given: Partial<LlmModuleOptions> & LlmModuleExtras): DynamicModule {
  const controller = ownController(LlmTargetsController);
  const endpointPath = given.endpointPath ?? (given.endpoint && read(given as LlmModuleOptions).endpoint?.path);
  const endpoint = endpointPath === undefined ? undefined : endpointController(endpointPath);
  return extendedModule(definition, {
    global: given.isGlobal ?? true,
    controllers: [controller, ...(endpoint ? [endpoint] : [])],
    providers: [
      moduleSettings({ provide: LLM_OPTIONS, read, given, statics: STATICS }),
      {
        provide: OPENAPI,
        inject: [{ token: RESILIENCE_ADMIN, optional: true }],
        useFactory: (admin?: AdminAccess) => describeTargets(controller, admin),
      },
      ...(endpoint
        ? [LlmEndpoint, EndpointBodies, { provide: ENDPOINT_OPENAPI, useFactory: () => describeEndpoint(endpoint) }]
        : []),
    ],
  });
}

function read(options: LlmModuleOptions & LlmModuleExtras) {
  const { isGlobal: _global, endpointPath: _path, ...module } = options;
  return readLlmOptions(module);
}
