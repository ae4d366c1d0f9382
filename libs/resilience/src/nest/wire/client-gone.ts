import type { ExecutionContext } from '@nestjs/common';
import { type MonoTypeOperatorFunction, Observable } from 'rxjs';

import { ResilienceError } from '../../engine/errors.js';
import type { Execution } from '../../engine/execution.js';

/** The caller closed its connection before it was answered. Reason of the attempt's signal; never retried, never counted. */
class ClientGoneError extends ResilienceError {
  constructor(policy: string) {
    super(`${policy}: the client closed the connection before it was answered`, 'RESILIENCE_CLIENT_GONE', policy);
    // What fetch and other clients reject with when a signal aborts; whoever classifies by name must see the same.
    this.name = 'AbortError';
  }
}

interface RawResponse {
  readonly writableFinished: boolean;
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): void;
  off(event: 'close', listener: () => void): void;
}

/**
 * Ends a handler's execution when its HTTP client goes away, which aborts the running attempt's signal and ends a wait.
 * Costs a listener per request: an AbortSignal is made only when it happens, and the pipeline's first attempt stays free of
 * operators (a `callerSignal` given beforehand would need them).
 *
 * A handler with `@DeadLetter` promised that its call is not lost, whoever waits: only the attempt that runs is told.
 * @returns undefined where there is no client to lose
 */
export function endWithClient(
  context: ExecutionContext,
  execution: Execution,
): MonoTypeOperatorFunction<unknown> | undefined {
  const response = context.getType() === 'http' ? rawResponse(context.getArgByIndex<unknown>(1)) : undefined;
  if (response === undefined) return undefined;
  return (source) =>
    new Observable((subscriber) => {
      const onClose = (): void => {
        if (response.writableFinished) return;
        const reason = new ClientGoneError(execution.parts.name);
        if (execution.parts.deadLetter !== undefined) return execution.attempt?.abort(reason);
        execution.callerSignal = AbortSignal.abort(reason);
        subscriber.error(reason);
      };
      // Guards may have taken longer than the client waited.
      if (response.destroyed) onClose();
      else response.once('close', onClose);
      if (subscriber.closed) return;
      subscriber.add(() => response.off('close', onClose));
      source.subscribe(subscriber);
    });
}

/** Fastify wraps Node's response, Express extends it. */
function rawResponse(response: unknown): RawResponse | undefined {
  if (typeof response !== 'object' || response === null) return undefined;
  const raw: unknown = 'raw' in response ? response.raw : response;
  return typeof raw === 'object' && raw !== null && 'writeHead' in raw && 'once' in raw
    ? (raw as unknown as RawResponse)
    : undefined;
}
