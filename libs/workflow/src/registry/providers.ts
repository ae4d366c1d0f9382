import type { Type } from '@nestjs/common';
import type { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { NamedProvider } from './handlers.js';

export interface DiscoveredProvider extends NamedProvider {
  readonly type: Type;
}

/** Every class that Nest has as a provider or controller, once. */
export function discoverProviders(discovery: DiscoveryService, scanner: MetadataScanner): DiscoveredProvider[] {
  const found = new Map<Type, DiscoveredProvider>();
  for (const wrapper of [...discovery.getProviders(), ...discovery.getControllers()]) {
    const type = (wrapper.metatype ?? undefined) as Type | undefined;
    // Factories and values have no class that could be named.
    if (typeof type !== 'function' || wrapper.inject || !type.prototype || found.has(type)) continue;
    found.set(type, {
      name: type.name,
      type,
      methods: scanner.getAllMethodNames(type.prototype as object),
      scoped: !wrapper.isDependencyTreeStatic() || wrapper.isTransient,
      instance: () => (wrapper.instance as object | null) ?? undefined,
    });
  }
  return [...found.values()];
}
