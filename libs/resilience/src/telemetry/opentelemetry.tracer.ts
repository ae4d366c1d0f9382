import {
  type Attributes,
  type Context,
  context,
  type Exception,
  type Histogram,
  type Span,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';

import type { Clock } from '../engine/clock.js';
import { redactedStack, redactText } from '../engine/redaction/index.js';
import type { AttemptSpan, CallFacts, CallSpan, CallTracer, TracedCall, TraceEnding } from '../engine/tracing.js';
import { ATTRIBUTES, errorTypeOf } from './attributes.js';
import { isInstance, messageOf } from '../engine/foreign-error.js';

interface Parts {
  readonly tracer: Tracer;
  readonly clock: Clock;
  /** In seconds. Undefined when no metrics are wanted. */
  readonly durations: Histogram | undefined;
}

/** One span per call, one child per attempt; the method runs in the attempt's, so that its own spans are children of that. */
export class OpenTelemetryTracer implements CallTracer {
  constructor(private readonly parts: Parts) {}

  callStarted(call: TracedCall): CallSpan {
    return new OpenTelemetryCallSpan(this.parts, call.policy);
  }
}

class OpenTelemetryCallSpan implements CallSpan {
  private readonly span: Span;
  private readonly context: Context;
  private readonly startedAt: number;

  constructor(
    private readonly parts: Parts,
    private readonly policy: string,
  ) {
    const caller = context.active();
    this.startedAt = parts.clock.now();
    this.span = parts.tracer.startSpan(policy, { attributes: { [ATTRIBUTES.policy]: policy } }, caller);
    this.context = trace.setSpan(caller, this.span);
  }

  run<T>(fn: () => T): T {
    return context.with(this.context, fn);
  }

  attemptStarted(number: number): AttemptSpan {
    const attributes = { [ATTRIBUTES.policy]: this.policy, [ATTRIBUTES.attemptNumber]: number };
    const span = this.parts.tracer.startSpan(`${this.policy} attempt`, { attributes }, this.context);
    return new OpenTelemetryAttemptSpan(span, trace.setSpan(this.context, span));
  }

  end(ending: TraceEnding, { attempts, answeredBy, fallbackLevel }: CallFacts): void {
    this.span.setAttributes({
      [ATTRIBUTES.attempts]: attempts,
      ...(ending.outcome === 'successful' && { [ATTRIBUTES.answeredBy]: answeredBy }),
      ...(fallbackLevel > 0 && { [ATTRIBUTES.fallbackLevel]: fallbackLevel }),
    });
    const outcome = finish(this.span, ending);
    const seconds = (this.parts.clock.now() - this.startedAt) / 1000;
    // In the call's own context: exemplars of the histogram lead to its trace.
    this.parts.durations?.record(seconds, { [ATTRIBUTES.policy]: this.policy, ...outcome }, this.context);
  }
}

class OpenTelemetryAttemptSpan implements AttemptSpan {
  constructor(
    private readonly span: Span,
    private readonly context: Context,
  ) {}

  run<T>(fn: () => T): T {
    return context.with(this.context, fn);
  }

  end(ending: TraceEnding): void {
    // Only here: the call's own span would repeat the last attempt's stack.
    if (ending.outcome === 'failed') this.span.recordException(exceptionOf(ending.error));
    finish(this.span, ending);
  }
}

/** Without secrets: traces go to another company more often than logs do. */
function exceptionOf(error: unknown): Exception {
  if (!isInstance(error, Error)) return redactText(messageOf(error));
  return { name: errorTypeOf(error), message: redactText(messageOf(error)), stack: redactedStack(error) };
}

/** Returns what a metric may say of it. */
function finish(span: Span, ending: TraceEnding): Attributes {
  const attributes: Attributes = { [ATTRIBUTES.outcome]: ending.outcome };
  if (ending.outcome === 'failed') {
    const { error } = ending;
    attributes[ATTRIBUTES.errorType] = errorTypeOf(error);
    span.setStatus({
      code: SpanStatusCode.ERROR,
      message: redactText(messageOf(error)),
    });
  }
  span.setAttributes(attributes);
  span.end();
  return attributes;
}
