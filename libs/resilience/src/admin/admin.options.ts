import type { CanActivate, ModuleMetadata, Type } from '@nestjs/common';
import { OptionsReader } from '../engine/options.js';
import { neverShow } from '../engine/redaction/index.js';

/** Who may use what changes something or shows arguments. With neither, nobody may. */
export interface AdminModuleOptions {
  /** Sent as `Authorization: Bearer <token>`. `undefined` keeps the routes closed, so a missing variable opens nothing. */
  readonly token?: string | undefined;
  /** A guard of the application that decides instead. */
  readonly guard?: Type<CanActivate>;
  /**
   * Keep the last 100 events of every policy and circuit for `GET /resilience/events`. Operators read them, so
   * nothing is kept without a token or a guard. While they are kept, every event is built. @default true
   */
  readonly events?: boolean;
  /** Modules whose providers the guard needs. */
  readonly imports?: ModuleMetadata['imports'];
}

export const DEFAULT_ADMIN_MODULE_OPTIONS = { token: undefined, guard: undefined, events: true } as const;

/** Token of the {@link AdminAccess} in force. */
export const RESILIENCE_ADMIN = Symbol.for('nest-resilience:admin');

/** How the application opened the guarded routes. */
export type AdminAccess =
  | { readonly by: 'nobody' }
  | { readonly by: 'token'; readonly token: string }
  | { readonly by: 'guard'; readonly guard: CanActivate };

export interface ResolvedAdminModuleOptions {
  readonly token: string | undefined;
  readonly guard: Type<CanActivate> | undefined;
  readonly events: boolean;
}

/** @throws ResilienceOptionsError naming every option that cannot work. */
export function readAdminModuleOptions(options: AdminModuleOptions | undefined): ResolvedAdminModuleOptions {
  const reader = new OptionsReader(options, 'AdminModule', ['token', 'guard', 'imports', 'events']);
  const token = reader.string('token', DEFAULT_ADMIN_MODULE_OPTIONS.token);
  reader.function('guard');
  const guard = options?.guard;
  if (token !== undefined && guard !== undefined) {
    reader.problem('guard', options?.guard, 'either a token or a guard: with both it would not be clear who decides');
  }
  const events = reader.boolean('events', DEFAULT_ADMIN_MODULE_OPTIONS.events);
  reader.finish();
  neverShow(token);
  return { token, guard, events };
}
