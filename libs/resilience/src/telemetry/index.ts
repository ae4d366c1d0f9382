export { OpenTelemetryTracer } from './opentelemetry.tracer.js';
export { TelemetryModule } from './telemetry.module.js';
export { DEFAULT_TELEMETRY_MODULE_OPTIONS, type TelemetryModuleOptions } from './telemetry.options.js';
