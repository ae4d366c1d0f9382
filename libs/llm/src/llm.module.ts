import { type DynamicModule, Module, type ModuleMetadata, type Provider } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import { type AdminAccess, ownController, RESILIENCE_ADMIN } from '@nest-resilience/core/admin';
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
}

/**
 * `LlmService`, the connectivity checks and `LlmHealthIndicator`, global. Needs `ResilienceModule.forRoot()` in the same
 * application; `GET /llm/targets` is closed until `AdminModule` opens it; with `ScheduleModule.forRoot()` the checks are listed in its SchedulerRegistry.
 */
@Module({})
export class LlmModule {
  /** @throws ResilienceOptionsError with every option that cannot work */
  static forRoot(options: LlmModuleOptions): DynamicModule {
    return build({ provide: LLM_OPTIONS, useValue: readLlmOptions(options) });
  }

  /** As {@link forRoot}; options that cannot work end the start of the application. */
  static forRootAsync<Args extends unknown[]>({
    useFactory,
    inject = [],
    imports = [],
  }: LlmModuleAsyncOptions<Args>): DynamicModule {
    const options = {
      provide: LLM_OPTIONS,
      inject,
      useFactory: async (...args: Args) => readLlmOptions(await useFactory(...args)),
    };
    return { ...build(options as Provider), imports };
  }
}

const OPENAPI = Symbol('nest-resilience.llm.openapi');

function build(options: Provider): DynamicModule {
  const controller = ownController(LlmTargetsController);
  return {
    module: LlmModule,
    global: true,
    controllers: [controller],
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
      // Stateless here and without dependencies, so the application need not import TerminusModule for it.
      HealthIndicatorService,
    ],
    exports: [LlmService, LlmConnectivityChecker, LlmHealthIndicator],
  };
}
