import { metrics, trace } from '@opentelemetry/api';
import { Inject, Injectable } from '@nestjs/common';

import type { Clock } from '../engine/clock.js';
import type { CallTracer } from '../engine/tracing.js';
import { CALL_DURATION } from '../nest/figures/call.figures.js';
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
    ? meters.getMeter(SCOPE).createHistogram(CALL_DURATION.name, {
        description: CALL_DURATION.help,
        unit: CALL_DURATION.unit,
        advice: { explicitBucketBoundaries: [...CALL_DURATION.buckets] },
      })
    : undefined;
  return new OpenTelemetryTracer({ tracer: tracers.getTracer(SCOPE), clock, durations });
}
