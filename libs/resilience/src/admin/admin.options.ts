import type { CanActivate, ModuleMetadata, Type } from '@nestjs/common';
import * as option from '../engine/option/index.js';
import { neverShow } from '../engine/redaction/index.js';

const OPTIONS = option.options(
  {
    /** Sent as `Authorization: Bearer <token>`. `undefined` keeps the routes closed, so a missing variable opens nothing. */
    token: option.text(),
    /** A guard of the application that decides instead. */
    guard: option.custom<Type<CanActivate>, Type<CanActivate>>((value, at) =>
      typeof value === 'function' ? (value as Type<CanActivate>) : at.refuse(value, 'a function'),
    ),
    /**
     * Keep the last 100 events of every policy and circuit for `GET /resilience/events`. Operators read them, so
     * nothing is kept without a token or a guard. While they are kept, every event is built. @default true
     */
    events: option.flag(true),
    /** Whether other modules see it without importing it. @default true */
    isGlobal: option.flag(true),
    imports: option.anything<readonly unknown[]>(),
  },
  {
    check: ({ given: { token, guard }, at }) => {
      if (token !== undefined && guard !== undefined)
        at.at('guard').refuse(guard, 'either a token or a guard: with both it would not be clear who decides');
    },
  },
);

/** Who may use what changes something or shows arguments. With neither, nobody may. */
export interface AdminModuleOptions extends option.OptionsOf<typeof OPTIONS.spec> {
  /** Modules whose providers the guard needs. */
  readonly imports?: ModuleMetadata['imports'];
}

export const DEFAULT_ADMIN_MODULE_OPTIONS = { token: undefined, guard: undefined, ...OPTIONS.default } as const;

/** Token of the {@link AdminAccess} in force. */
export const RESILIENCE_ADMIN = Symbol.for('nest-resilience:admin');

/** How the application opened the guarded routes. */
export type AdminAccess =
  | { readonly by: 'nobody' }
  | { readonly by: 'token'; readonly token: string }
  | { readonly by: 'guard'; readonly guard: CanActivate };

export type ResolvedAdminModuleOptions = option.ResolvedOf<typeof OPTIONS.spec>;

/** @throws ResilienceOptionsError naming every option that cannot work. */
export function readAdminModuleOptions(options: AdminModuleOptions | undefined): ResolvedAdminModuleOptions {
  const resolved = option.read(OPTIONS, options, 'AdminModule');
  neverShow(resolved.token);
  return resolved;
}
