import type { ExecutionContext } from '@nestjs/common';
import { type MonoTypeOperatorFunction, Observable } from 'rxjs';

import { ResilienceError } from '../../engine/errors.js';
import type { Execution } from '../../engine/execution.js';
import { NEST_METADATA } from '../private/nest-metadata.js';
import { clientOf } from './wire-client.js';

/** The caller closed its connection before it was answered. Reason of the attempt's signal; never retried, never counted. */
class ClientGoneError extends ResilienceError {
  constructor(policy: string) {
    super(`${policy}: the client closed the connection before it was answered`, 'RESILIENCE_CLIENT_GONE', policy);
    // What fetch and other clients reject with when a signal aborts; whoever classifies by name must see the same.
    this.name = 'AbortError';
  }
}

/**
 * Gives the execution of an HTTP handler its client. Nothing listens to the connection until it matters: a listener and what
 * hangs on it would cost a request more than all policies together.
 * @returns false where there is none to give, or where Nest itself unsubscribes when the client leaves (`@Sse`)
 */
export function knowClient(context: ExecutionContext, execution: Execution): boolean {
  if (context.getType() !== 'http' || Reflect.hasMetadata(NEST_METADATA.sse, context.getHandler())) return false;
  const client = clientOf(context);
  if (client === undefined) return false;
  let reason: ClientGoneError | undefined;
  execution.caller = {
    endsCall: execution.parts.deadLetter === undefined,
    gone: client.gone,
    onGone: client.onGone,
    reason: () => (reason ??= new ClientGoneError(execution.parts.name)),
  };
  return true;
}

/** Under which Nest keeps that a handler is `@Sse`. */

/**
 * Ends a handler's execution when its client goes away, which aborts the running attempt's signal and ends a wait.
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
  const client = clientOf(context);
  if (client === undefined) return undefined;
  const kept = execution.parts.deadLetter !== undefined;
  return (source) =>
    new Observable((subscriber) => {
      let told = false;
      const onGone = (): void => {
        if (told) return;
        told = true;
        const reason = new ClientGoneError(execution.parts.name);
        if (kept) return execution.attempt?.abort(reason);
        execution.callerSignal = AbortSignal.abort(reason);
        subscriber.error(reason);
      };
      // Guards may have taken longer than the client waited.
      if (client.gone()) onGone();
      else subscriber.add(client.onGone(onGone));
      if (subscriber.closed) return;
      // Adapters of sockets unsubscribe when the connection closes, some before they let others know.
      let answered = false;
      subscriber.add(() => void (!answered && client.gone() && onGone()));
      const answer = source.subscribe({
        next: (value) => subscriber.next(value),
        error: (error: unknown) => {
          answered = true;
          subscriber.error(error);
        },
        complete: () => {
          answered = true;
          subscriber.complete();
        },
      });
      subscriber.add(() => void (kept && client.gone() ? undefined : answer.unsubscribe()));
    });
}
