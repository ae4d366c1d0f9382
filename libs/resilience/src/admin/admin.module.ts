import { type CanActivate, ConfigurableModuleBuilder, type DynamicModule, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { extended, GIVEN_OPTIONS, settings } from '../nest/module-options.js';
import { RefusedBodies } from '../nest/private/refused-bodies.js';
import { AdminBootLog } from './admin.boot-log.js';
import { AdminGuard } from './admin.guard.js';
import { describedControllers } from './admin.openapi.js';
import {
  type AdminAccess,
  type AdminModuleOptions,
  readAdminModuleOptions,
  RESILIENCE_ADMIN,
  type ResolvedAdminModuleOptions,
} from './admin.options.js';
import { BodyGate } from './body-gate.js';
import { NdjsonBodies } from './dead-letter.ndjson.js';
import { EventLog } from './event-log.js';
import { RefusedCredentials } from './refused-credentials.js';

const SETTINGS = Symbol.for('nest-resilience:admin-settings');
const OPENAPI = Symbol.for('nest-resilience:admin-openapi');

/** Given beside the factory of `forRootAsync`, which may make the token. */
const STATICS: Omit<AdminModuleOptions, 'token'> = { guard: undefined, events: true, isGlobal: true };

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<AdminModuleOptions>({
  optionsInjectionToken: GIVEN_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createAdminOptions')
  .setExtras(STATICS, assemble)
  .build();

/**
 * Routes for operators. Global, so `@AdminRoute()` closes the routes of other modules in the same way. Options that cannot work are a
 * ResilienceOptionsError that names each of them.
 */
@Module({
  imports: [DiscoveryModule],
  providers: [AdminGuard, RefusedCredentials, AdminBootLog, BodyGate, NdjsonBodies],
  exports: [RefusedCredentials, AdminGuard],
})
export class AdminModule extends ConfigurableModuleClass {
  static override forRoot(options: AdminModuleOptions = {}): DynamicModule {
    return super.forRoot(options);
  }
}

function assemble(definition: DynamicModule, { imports, ...given }: AdminModuleOptions): DynamicModule {
  const { events, guard, isGlobal } = readAdminModuleOptions(given);
  const { controllers, describe } = describedControllers(events);
  return extended(definition, {
    global: isGlobal,
    ...(imports && { imports }),
    controllers,
    providers: [
      settings({ provide: SETTINGS, read: readAdminModuleOptions, given, statics: STATICS }),
      ...(guard ? [guard] : []),
      {
        provide: RESILIENCE_ADMIN,
        inject: [SETTINGS, { token: guard ?? SETTINGS, optional: false }],
        useFactory: accessOf,
      },
      ...(events ? [EventLog] : []),
      { provide: OPENAPI, inject: [RESILIENCE_ADMIN], useFactory: describe },
      RefusedBodies.of(controllers),
    ],
    exports: [RESILIENCE_ADMIN],
  });
}

function accessOf({ token, guard }: ResolvedAdminModuleOptions, instance: unknown): AdminAccess {
  if (guard) return { by: 'guard', guard: instance as CanActivate };
  return token === undefined ? { by: 'nobody' } : { by: 'token', token };
}
