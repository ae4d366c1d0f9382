import { Inject, Injectable, Logger, type Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

import { describeCopies, sharedValue } from './copies.js';
import { NEST_METADATA } from './private/nest-metadata.js';
import { RESILIENCE_RUNTIME } from './tokens.js';

const seen = sharedValue('containers', () => new WeakSet<object>());

/** Says what was installed or imported more often than it should be. In a constructor: the boot may fail for that reason. */
@Injectable()
export class ResilienceInstallation {
  private readonly logger = new Logger('Resilience:Modules');

  constructor(@Inject(ModulesContainer) modules: ModulesContainer) {
    const copies = describeCopies();
    if (copies !== undefined) this.logger.warn(copies);
    const owners = [...modules.values()].filter(({ providers }) => providers.has(RESILIENCE_RUNTIME));
    if (owners.length < 2 || seen.has(modules)) return;
    seen.add(modules);
    const importers = importersOf(
      modules,
      owners.map(({ metatype }) => metatype),
    );
    this.logger.warn(
      `ResilienceModule.forRoot() is imported ${owners.length} times in one application${importers}. Each has policies, circuits, metrics ` +
        'and dead letters of its own: classes of a module that imports it itself use that one, all other classes the one that ' +
        'Nest comes to first. Import it once, in the root module: it is global',
    );
  }
}

/** As far as `@Module()` tells. */
function importersOf(modules: ModulesContainer, owners: readonly Type[]): string {
  const names = [...modules.values()].flatMap(({ metatype }) => {
    const imports = (Reflect.getMetadata(NEST_METADATA.imports, metatype) ?? []) as unknown[];
    return imports.some((one) => owners.includes((one as { module?: Type } | undefined)?.module as Type))
      ? [metatype.name]
      : [];
  });
  return names.length === 0 ? '' : ` (by ${names.join(', ')})`;
}
