import { type DynamicModule, Inject, Module, type OnModuleInit, Optional } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import { FigureTable } from '../nest/figures/figure-table.js';
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

/** Interval of checks that only read memory. */
const OWN_INTERVAL = '5s';

/**
 * Probes and the registry behind them. Import `ScheduleModule.forRoot()` too and the background checks show up in its
 * `SchedulerRegistry`; without it they run all the same.
 */
@Module({})
export class HealthModule implements OnModuleInit {
  constructor(
    private readonly registry: HealthRegistry,
    @Inject(HEALTH_SETTINGS) private readonly settings: HealthModuleSettings,
    private readonly circuits: CircuitsHealthIndicator,
    private readonly eventLoop: EventLoopHealthIndicator,
    private readonly chaos: ChaosHealthIndicator,
    private readonly figures: FigureTable,
    @Optional() private readonly deadLetters?: DeadLetterHealthIndicator,
    @Optional() private readonly store?: StoreHealthIndicator,
  ) {}

  /** @throws ResilienceOptionsError naming every option that cannot work */
  static forRoot(options?: HealthModuleOptions): DynamicModule {
    const settings = readHealthModuleOptions(options);
    const deadLetters = settings.deadLetters ? [DeadLetterHealthIndicator] : [];
    const store = settings.store ? [StoreHealthIndicator] : [];
    const indicators = [
      CircuitsHealthIndicator,
      EventLoopHealthIndicator,
      ChaosHealthIndicator,
      ...deadLetters,
      ...store,
    ];
    const controllers = settings.path === false ? [] : [ownController(HealthController, settings.path)];
    return {
      module: HealthModule,
      global: true,
      imports: [
        DiscoveryModule,
        // Silent: it would log each failing probe, the registry logs each change once.
        TerminusModule.forRoot({ logger: false, gracefulShutdownTimeoutMs: settings.shutdownDelay }),
      ],
      controllers,
      providers: [
        { provide: HEALTH_SETTINGS, useValue: settings },
        { provide: OPENAPI, useFactory: () => describeRoutes(controllers.map((type) => [type, HEALTH])) },
        { provide: RESILIENCE_HEALTH, useExisting: HealthRegistry },
        HealthRegistry,
        HealthExplorer,
        ShutdownState,
        ClosingConnections,
        ...indicators,
      ],
      exports: [RESILIENCE_HEALTH, HealthRegistry, ShutdownState, ...indicators],
    };
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
      registry.register('store', () => this.store?.check(), { critical: false });
      this.store?.onChange(() => void this.lookAtStores());
    }
    if (deadLetters) {
      registry.register('dead-letters', () => this.deadLetters?.check(deadLetters), { critical: false });
    }
  }

  /** Not only at the next interval: whoever writes to a store knows within milliseconds that it fails. */
  private async lookAtStores(): Promise<void> {
    await this.registry.run('store');
    // That may have joined a run that began before the change.
    await this.registry.run('store');
  }
}
