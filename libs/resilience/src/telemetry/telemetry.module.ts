import { ConfigurableModuleBuilder, type DynamicModule, Module } from '@nestjs/common';

import { extended, GIVEN_OPTIONS, settings } from '../nest/module-options.js';
import { CallTracing } from './call-tracing.js';
import { Meters } from './meters.js';
import { readTelemetryModuleOptions, TELEMETRY_SETTINGS, type TelemetryModuleOptions } from './telemetry.options.js';

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<TelemetryModuleOptions>({
  optionsInjectionToken: GIVEN_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createTelemetryOptions')
  .setExtras({}, assemble)
  .build();

/**
 * Spans and metrics through `@opentelemetry/api`, for whatever SDK the application has registered there. Options that cannot work
 * are a ResilienceOptionsError that names each of them.
 */
@Module({ providers: [CallTracing, Meters] })
export class TelemetryModule extends ConfigurableModuleClass {
  static override forRoot(options: TelemetryModuleOptions = {}): DynamicModule {
    return super.forRoot(options);
  }
}

function assemble(definition: DynamicModule, given: TelemetryModuleOptions): DynamicModule {
  readTelemetryModuleOptions(given);
  return extended(definition, {
    providers: [settings({ provide: TELEMETRY_SETTINGS, read: readTelemetryModuleOptions, given, statics: {} })],
  });
}
