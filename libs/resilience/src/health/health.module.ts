import { ConfigurableModuleBuilder, type DynamicModule, Inject, Module, type OnModuleInit } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import { FigureTable } from '../nest/figures/figure-table.js';
import { extended, GIVEN_OPTIONS, settings as settingsOf } from '../nest/module-options.js';
import { describeRoutes } from '../nest/openapi/describe-routes.js';
import { ownController } from '../nest/openapi/own-controller.js';
import { ChaosHealthIndicator } from './chaos.health.js';
import { CircuitsHealthIndicator } from './circuits.health.js';
import { ClosingConnections } from './closing-connections.js';
import { DeadLetterHealthIndicator } from './dead-letter.health.js';
import { EventLoopHealthIndicator } from './event-loop.health.js';
import { HealthController } from './health.controller.js';
import { healthFigure } from './health.figure.js';
import { HEALTH } from './health.openapi.js';
import { HealthExplorer } from './health.explorer.js';
import { type HealthModuleOptions, type HealthModuleSettings, readHealthModuleOptions } from './health.options.js';
import { HealthRegistry } from './health.registry.js';
import { RESILIENCE_HEALTH } from './health.token.js';
import { ShutdownState } from './shutdown.state.js';
import { StoreHealthIndicator } from './store.health.js';

const HEALTH_SETTINGS = Symbol.for('nest-resilience:health-settings');
const OPENAPI = Symbol.for('nest-resilience:health-openapi');

const INDICATORS = [
  CircuitsHealthIndicator,
  EventLoopHealthIndicator,
  ChaosHealthIndicator,
  DeadLetterHealthIndicator,
  StoreHealthIndicator,
];

/** Interval of checks that only read memory. */
const OWN_INTERVAL = '5s';

/** Given beside the factory of `forRootAsync`. */
const STATICS: Pick<HealthModuleOptions, 'path' | 'shutdownDelay' | 'isGlobal'> = {
  path: 'health',
  shutdownDelay: 0,
  isGlobal: true,
};

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<HealthModuleOptions>({
  optionsInjectionToken: GIVEN_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createHealthOptions')
  .setExtras(STATICS, assemble)
  .build();

/**
 * Probes and the registry behind them. Import `ScheduleModule.forRoot()` too and the background checks show up in its
 * `SchedulerRegistry`; without it they run all the same. Options that cannot work are a
 * ResilienceOptionsError that names each of them.
 */
@Module({
  imports: [DiscoveryModule],
  providers: [HealthRegistry, HealthExplorer, ShutdownState, ClosingConnections, ...INDICATORS],
  exports: [HealthRegistry, ShutdownState, ...INDICATORS],
})
export class HealthModule extends ConfigurableModuleClass implements OnModuleInit {
  constructor(
    private readonly registry: HealthRegistry,
    @Inject(HEALTH_SETTINGS) private readonly settings: HealthModuleSettings,
    private readonly circuits: CircuitsHealthIndicator,
    private readonly eventLoop: EventLoopHealthIndicator,
    private readonly chaos: ChaosHealthIndicator,
    private readonly figures: FigureTable,
    private readonly deadLetters: DeadLetterHealthIndicator,
    private readonly store: StoreHealthIndicator,
  ) {
    super();
  }

  static override forRoot(options: HealthModuleOptions = {}): DynamicModule {
    return super.forRoot(options);
  }

  onModuleInit(): void {
    const { registry, settings } = this;
    this.figures.add(healthFigure(registry));
    const { circuits, eventLoop, chaos, deadLetters, store } = settings;
    if (circuits) {
      const critical = (circuits.critical ?? []).length > 0;
      registry.register('circuits', () => this.circuits.check(circuits), { critical, interval: OWN_INTERVAL });
    }
    if (eventLoop) {
      registry.register('event-loop', () => this.eventLoop.check(eventLoop), { interval: OWN_INTERVAL });
    }
    if (chaos) registry.register('chaos', () => this.chaos.check(), { critical: false, interval: OWN_INTERVAL });
    if (store) {
      registry.register('store', () => this.store.check(), { critical: false });
      this.store.onChange(() => void this.lookAtStores());
    }
    if (deadLetters) {
      registry.register('dead-letters', () => this.deadLetters.check(deadLetters), { critical: false });
    }
  }

  /** Not only at the next interval: whoever writes to a store knows within milliseconds that it fails. */
  private async lookAtStores(): Promise<void> {
    await this.registry.run('store');
    // That may have joined a run that began before the change.
    await this.registry.run('store');
  }
}

function assemble(definition: DynamicModule, given: HealthModuleOptions): DynamicModule {
  const { path, shutdownDelay, isGlobal } = readHealthModuleOptions(given);
  const controllers = path === false ? [] : [ownController(HealthController, path)];
  return extended(definition, {
    global: isGlobal,
    // Silent: it would log each failing probe, the registry logs each change once.
    imports: [TerminusModule.forRoot({ logger: false, gracefulShutdownTimeoutMs: shutdownDelay })],
    controllers,
    providers: [
      settingsOf({ provide: HEALTH_SETTINGS, read: readHealthModuleOptions, given, statics: STATICS }),
      { provide: OPENAPI, useFactory: () => describeRoutes(controllers.map((type) => [type, HEALTH])) },
      { provide: RESILIENCE_HEALTH, useExisting: HealthRegistry },
    ],
    exports: [RESILIENCE_HEALTH],
  });
}
