import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import type { CanActivate } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
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

const OPENAPI = Symbol.for('nest-resilience:admin-openapi');

type Access = Pick<ResolvedAdminModuleOptions, 'token' | 'guard'>;

/**
 * Routes for operators. Global, so `@AdminRoute()` closes the routes of other modules in the same way.
 */
@Module({})
export class AdminModule {
  /** @throws ResilienceOptionsError naming every option that cannot work */
  static forRoot(options: AdminModuleOptions = {}): DynamicModule {
    const { events, ...access } = readAdminModuleOptions(options);
    const { controllers, describe } = describedControllers(openedBy(access), events);
    return {
      module: AdminModule,
      global: true,
      imports: [DiscoveryModule, ...(options.imports ?? [])],
      controllers,
      providers: [
        ...accessProviders(access),
        AdminGuard,
        RefusedCredentials,
        AdminBootLog,
        BodyGate,
        NdjsonBodies,
        ...(events ? [EventLog] : []),
        { provide: OPENAPI, useFactory: describe },
        RefusedBodies.of(controllers),
      ],
      exports: [RESILIENCE_ADMIN, RefusedCredentials, AdminGuard],
    };
  }
}

function openedBy({ token, guard }: Access): AdminAccess['by'] {
  if (guard !== undefined) return 'guard';
  return token === undefined ? 'nobody' : 'token';
}

function accessProviders({ token, guard }: Access): Provider[] {
  if (guard) {
    const useFactory = (instance: CanActivate): AdminAccess => ({ by: 'guard', guard: instance });
    return [guard, { provide: RESILIENCE_ADMIN, inject: [guard], useFactory }];
  }
  const access: AdminAccess = token === undefined ? { by: 'nobody' } : { by: 'token', token };
  return [{ provide: RESILIENCE_ADMIN, useValue: access }];
}
