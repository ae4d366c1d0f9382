import { type DynamicModule, Module } from '@nestjs/common';

import { CallTracing } from './call-tracing.js';
import { Meters } from './meters.js';
import { readTelemetryModuleOptions, TELEMETRY_SETTINGS, type TelemetryModuleOptions } from './telemetry.options.js';

/** Spans and metrics through `@opentelemetry/api`, for whatever SDK the application has registered there. */
@Module({})
export class TelemetryModule {
  /** @throws ResilienceOptionsError naming every option that cannot work */
  static forRoot(options?: TelemetryModuleOptions): DynamicModule {
    return {
      module: TelemetryModule,
      providers: [{ provide: TELEMETRY_SETTINGS, useValue: readTelemetryModuleOptions(options) }, CallTracing, Meters],
    };
  }
}
