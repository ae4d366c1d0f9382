import type { Execution } from './execution.js';
import { settled } from './direct-lane.js';
import { type FirstAnswer, openMethod } from './method-call.js';
import { finishCall, runOperators } from './operator-lane.js';
import type { Method } from './pipeline-parts.js';
import { leaveToItself, opening, OpenStream } from './shape.js';
import { StreamReader } from './stream-reader.js';
import { SUCCESSFUL } from './tracing.js';

/**
 * Token streams and other async iterables. The operators have them until their first item is here; after that nothing can be tried again,
 * and they are pulled item by item, so back-pressure and an early `break` reach the source.
 * @param first an iterable that the method already returned to an unadmitted call
 */
export async function* runIterable(execution: Execution, method: Method, first?: FirstAnswer): AsyncGenerator<unknown> {
  const { retry, deadLetter } = execution.parts;
  execution.streaming = true;
  execution.shape = opening;
  retry?.begin();
  const opened = await settled(runOperators(execution, openMethod(execution, method, first)));
  if (!(opened instanceof OpenStream) || opened.first.done === true) return;
  const { iterator, attempt } = opened;
  const next = (): Promise<IteratorResult<unknown>> => iterator.next();
  const reader = new StreamReader(execution, attempt === undefined ? next : () => attempt.traced(next));
  let last: unknown;
  let left = true;
  try {
    for (let item: IteratorResult<unknown> = opened.first; item.done !== true; item = await reader.read()) {
      last = item.value;
      yield item.value;
    }
    left = false;
    attempt?.succeeded(last);
    finishCall(execution, SUCCESSFUL);
  } catch (cause) {
    left = false;
    attempt?.abort(cause);
    leaveToItself(iterator);
    const told = attempt === undefined ? cause : attempt.failed(cause);
    const error = execution.aborted ? execution.abortReason : told;
    finishCall(execution, { outcome: 'failed', error });
    if (deadLetter === undefined || execution.aborted) throw error;
    const kept = await deadLetter.keep(execution, error);
    if (!kept || deadLetter.rethrow) throw error;
  } finally {
    reader.close();
    if (left) {
      // A consumer that took what it wanted was served.
      attempt?.cancelled();
      finishCall(execution, SUCCESSFUL);
      await iterator.return?.();
    }
  }
}
