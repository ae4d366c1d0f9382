import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { HEALTH_CHECK_PROBE, type HealthCheckProbeMetadata } from './health-check-probe.decorator.js';
import type { HealthCheckContext } from './health-check.options.js';
import { HealthRegistry } from './health.registry.js';

type Methods = Record<string, (context: HealthCheckContext) => unknown>;

/** Finds the methods with `@HealthCheckProbe()` and registers them. */
@Injectable()
export class HealthExplorer implements OnModuleInit {
  private readonly logger = new Logger('Resilience:Health');

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
    private readonly registry: HealthRegistry,
  ) {}

  onModuleInit(): void {
    const seen = new Set<object>();
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const instance = wrapper.instance as object | null | undefined;
      if (typeof instance !== 'object' || instance === null || wrapper.isAlias || seen.has(instance)) continue;
      seen.add(instance);
      const prototype = Object.getPrototypeOf(instance) as object | null;
      if (prototype === null) continue;
      for (const method of this.scanner.getAllMethodNames(prototype)) {
        const name = `${prototype.constructor.name}.${method}`;
        const probe = this.probeOf((prototype as Methods)[method]);
        if (!probe) continue;
        if (wrapper.isDependencyTreeStatic())
          this.register(instance as Methods, method, { ...probe, name: probe.name ?? name });
        else this.logger.warn(`@HealthCheckProbe() on ${name} is not run: its class is not a singleton`);
      }
    }
  }

  private probeOf(method: Methods[string] | undefined): HealthCheckProbeMetadata | undefined {
    if (typeof method !== 'function') return undefined;
    return this.reflector.get<HealthCheckProbeMetadata | undefined>(HEALTH_CHECK_PROBE, method);
  }

  private register(instance: Methods, method: string, probe: HealthCheckProbeMetadata & { name: string }): void {
    // Looked up at each run, so a spy or a decorator applied later counts.
    this.registry.register(probe.name, (context) => instance[method]?.(context), probe.options);
  }
}
