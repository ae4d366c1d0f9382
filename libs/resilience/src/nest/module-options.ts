import type { DynamicModule, FactoryProvider, Provider } from '@nestjs/common';

import { ResilienceOptionsError } from '../engine/errors.js';

/** Under which Nest's `ConfigurableModuleBuilder` keeps what a module was given, or what its factory made. */
export const GIVEN_OPTIONS = Symbol.for('nest-resilience:given-options');

interface Settings<Options, Resolved> {
  /** Token of the options in effect. */
  readonly provide: symbol;
  readonly read: (options: Options) => Resolved;
  /** What stood in `forRoot`, or beside `useFactory`. */
  readonly given: Partial<Options>;
  /** What shapes the module itself: routes and providers are made before any factory is asked. */
  readonly statics: object;
}

/** The options in effect: read once, wherever they come from. Reading throws a ResilienceOptionsError. */
export function settings<Options extends object, Resolved>(of: Settings<Options, Resolved>): FactoryProvider<Resolved> {
  return {
    provide: of.provide,
    inject: [GIVEN_OPTIONS],
    useFactory: (made: Options) => {
      const late = Object.entries<unknown>({ ...made } as Readonly<Record<string, unknown>>).filter(([name]) =>
        Object.hasOwn(of.statics, name),
      );
      if (late.length === 0) return of.read({ ...made, ...of.given });
      const allowed = 'beside useFactory: routes and providers are made before it is asked';
      throw new ResilienceOptionsError(late.map(([name, value]) => ({ path: `useFactory > ${name}`, value, allowed })));
    },
  };
}

/** Nest's definition of a module with more in it. */
export function extended(
  definition: DynamicModule,
  { imports = [], providers, ...more }: Partial<DynamicModule> & { readonly providers: Provider[] },
): DynamicModule {
  refuseNoFactory(definition);
  return {
    ...definition,
    ...more,
    imports: [...(definition.imports ?? []), ...imports],
    providers: [...(definition.providers ?? []), ...providers],
  };
}

function refuseNoFactory({ module, providers = [] }: DynamicModule): void {
  const from = providers.find((one): one is FactoryProvider => 'provide' in one && one.provide === GIVEN_OPTIONS);
  if (from?.inject?.length !== 1 || from.inject[0] !== undefined) return;
  const allowed = 'one of useFactory, useClass, useExisting';
  throw new ResilienceOptionsError([{ path: `${module.name}.forRootAsync`, value: undefined, allowed }]);
}
