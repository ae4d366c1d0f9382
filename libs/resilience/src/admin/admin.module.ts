import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import type { CanActivate } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { AdminBootLog } from './admin.boot-log.js';
import { AdminController } from './admin.controller.js';
import { AdminGuard } from './admin.guard.js';
import {
  type AdminAccess,
  type AdminModuleOptions,
  readAdminModuleOptions,
  RESILIENCE_ADMIN,
  type ResolvedAdminModuleOptions,
} from './admin.options.js';
import { DeadLetterController } from './dead-letter.controller.js';
import { EventLog } from './event-log.js';
import { EventsController } from './events.controller.js';

/**
 * Routes for operators. Global, so `@AdminRoute()` closes the routes of other modules in the same way.
 */
@Module({})
export class AdminModule {
  /** @throws ResilienceOptionsError naming every option that cannot work */
  static forRoot(options: AdminModuleOptions = {}): DynamicModule {
    const { events, ...access } = readAdminModuleOptions(options);
    return {
      module: AdminModule,
      global: true,
      imports: [DiscoveryModule, ...(options.imports ?? [])],
      controllers: [AdminController, DeadLetterController, ...(events ? [EventsController] : [])],
      providers: [...accessProviders(access), AdminGuard, AdminBootLog, ...(events ? [EventLog] : [])],
      exports: [RESILIENCE_ADMIN, AdminGuard],
    };
  }
}

function accessProviders({ token, guard }: Pick<ResolvedAdminModuleOptions, 'token' | 'guard'>): Provider[] {
  if (guard) {
    const useFactory = (instance: CanActivate): AdminAccess => ({ by: 'guard', guard: instance });
    return [guard, { provide: RESILIENCE_ADMIN, inject: [guard], useFactory }];
  }
  const access: AdminAccess = token === undefined ? { by: 'nobody' } : { by: 'token', token };
  return [{ provide: RESILIENCE_ADMIN, useValue: access }];
}
