import { metrics, trace } from '@opentelemetry/api';
import { Inject, Injectable } from '@nestjs/common';

import type { Clock } from '../engine/clock.js';
import type { CallTracer } from '../engine/tracing.js';
import type { ResilienceRuntime } from '../nest/resilience.runtime.js';
import { RESILIENCE_RUNTIME } from '../nest/tokens.js';
import { OpenTelemetryTracer } from './opentelemetry.tracer.js';
import { SCOPE } from './scope.js';
import { TELEMETRY_SETTINGS, type TelemetryModuleSettings } from './telemetry.options.js';

/** What is needed of the runtime: the context that its policies share. */
type Policies = Pick<ResilienceRuntime, 'registry'>;

/** Plugs the tracer in while the application is put together, so that calls made at boot are seen too. */
@Injectable()
export class CallTracing {
  constructor(
    @Inject(TELEMETRY_SETTINGS) settings: TelemetryModuleSettings,
    @Inject(RESILIENCE_RUNTIME) runtime: Policies,
  ) {
    if (!settings.tracing) return;
    const { context } = runtime.registry;
    context.tracer = newTracer(settings, context.clock);
  }
}

function newTracer(settings: TelemetryModuleSettings, clock: Clock): CallTracer {
  const tracers = settings.tracerProvider ?? trace.getTracerProvider();
  const meters = settings.meterProvider ?? metrics.getMeterProvider();
  const durations = settings.metrics
    ? meters.getMeter(SCOPE).createHistogram('resilience.call.duration', {
        description: 'Duration of whole calls, retries and fallbacks included',
        unit: 's',
        advice: { explicitBucketBoundaries: DURATION_BOUNDARIES_SECONDS },
      })
    : undefined;
  return new OpenTelemetryTracer({ tracer: tracers.getTracer(SCOPE), clock, durations });
}

/** They reach up to what a call with retries against a slow model takes. */
const DURATION_BOUNDARIES_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120,
];
