import { type DynamicModule, Module, type ModuleMetadata, type Provider } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { type AdminAccess, ownController, RESILIENCE_ADMIN } from '@nest-resilience/core/admin';
import { EndpointBodies, endpointController } from './endpoint/endpoint.controller.js';
import { LlmEndpoint } from './endpoint/endpoint.service.js';
import { LlmConnectivityChecker } from './health/connectivity.checker.js';
import { LlmHealthIndicator } from './health/llm.health.js';
import { LlmTargetsController } from './http/targets.controller.js';
import { describeTargets } from './http/targets.openapi.js';
import type { LlmModuleOptions } from './llm.options.js';
import { LlmService } from './llm.service.js';
import { LLM_OPTIONS } from './llm.tokens.js';
import { readLlmOptions } from './options/read-options.js';

export interface LlmModuleAsyncOptions<Args extends unknown[] = never[]> extends Pick<ModuleMetadata, 'imports'> {
  readonly useFactory: (...args: Args) => LlmModuleOptions | Promise<LlmModuleOptions>;
  readonly inject?: Extract<Provider, { inject?: unknown }>['inject'];
  /** Where the routes of `endpoint` are, when the options that are made later have one: routes are made before them. */
  readonly endpointPath?: string;
}

/**
 * `LlmService`, the connectivity checks and `LlmHealthIndicator`, global. Needs `ResilienceModule.forRoot()` in the same
 * application; `GET /llm/targets` is closed until `AdminModule` opens it; with `ScheduleModule.forRoot()` the checks are listed in its SchedulerRegistry.
 */
@Module({})
export class LlmModule {
  /** @throws ResilienceOptionsError with every option that cannot work */
  static forRoot(options: LlmModuleOptions): DynamicModule {
    const read = readLlmOptions(options);
    return build({ provide: LLM_OPTIONS, useValue: read }, read.endpoint?.path);
  }

  /** As {@link forRoot}; options that cannot work end the start of the application. */
  static forRootAsync<Args extends unknown[]>({
    useFactory,
    inject = [],
    imports = [],
    endpointPath,
  }: LlmModuleAsyncOptions<Args>): DynamicModule {
    const options = {
      provide: LLM_OPTIONS,
      inject,
      useFactory: async (...args: Args) => readLlmOptions(await useFactory(...args)),
    };
    return { ...build(options as Provider, endpointPath), imports };
  }
}

const OPENAPI = Symbol.for('nest-resilience:llm-openapi');

function build(options: Provider, endpointPath: string | undefined): DynamicModule {
  const controller = ownController(LlmTargetsController);
  return {
    module: LlmModule,
    global: true,
    controllers: [controller, ...(endpointPath === undefined ? [] : [endpointController(endpointPath)])],
    providers: [
      options,
      {
        provide: OPENAPI,
        inject: [{ token: RESILIENCE_ADMIN, optional: true }],
        useFactory: (admin?: AdminAccess) => describeTargets(controller, admin),
      },
      LlmService,
      LlmConnectivityChecker,
      LlmHealthIndicator,
      ...(endpointPath === undefined ? [] : [LlmEndpoint, EndpointBodies]),
      // Stateless here and without dependencies, so the application need not import TerminusModule for it.
      HealthIndicatorService,
    ],
    exports: [LlmService, LlmConnectivityChecker, LlmHealthIndicator],
  };
}
