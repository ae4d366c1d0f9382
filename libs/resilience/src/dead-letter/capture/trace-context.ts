/**
 * Reads the W3C trace context of whatever span is active, where the application has `@opentelemetry/api`: the entry then
 * leads to the trace of the call that failed.
 * @returns `undefined` where that package is not installed
 */
export async function loadTraceContext(): Promise<(() => string | undefined) | undefined> {
  const api = await import('@opentelemetry/api').catch(() => undefined);
  if (api === undefined) return undefined;
  const { isSpanContextValid, trace } = api;
  return () => {
    const active = trace.getActiveSpan()?.spanContext();
    if (active === undefined || !isSpanContextValid(active)) return undefined;
    const flags = (active.traceFlags & 0xff).toString(16).padStart(2, '0');
    return `00-${active.traceId}-${active.spanId}-${flags}`;
  };
}
