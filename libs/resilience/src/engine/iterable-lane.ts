import { settled } from './direct-lane.js';
import type { Execution } from './execution.js';
import { type FirstAnswer, openMethod, reachMethod } from './method-call.js';
import { finishCall, runOperators } from './operator-lane.js';
import { type Method, needsOperators } from './pipeline-parts.js';
import { iteratorOf, leaveToItself, opening, OpenStream } from './shape.js';
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
  const opened = await (startsAlone(execution) ? openFirst(execution, method, first) : open(execution, method, first));
  if (opened === undefined) return;
  const { iterator, attempt, reader = new StreamReader(execution, iterator, attempt) } = opened;
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

/** Resolves with a stream that somebody must read to its end; with nothing when the call has ended. */
async function open(
  execution: Execution,
  method: Method,
  first?: FirstAnswer,
  replay?: { failure: unknown },
): Promise<OpenStream | undefined> {
  const answer = await settled(runOperators(execution, openMethod(execution, method, first), replay));
  return answer instanceof OpenStream && answer.first.done !== true ? answer : undefined;
}

/** Whether a first attempt that succeeds is all that the operators would do. */
function startsAlone({ parts, callerSignal, retries }: Execution): boolean {
  return (
    retries === 0 &&
    callerSignal === undefined &&
    parts.permits === undefined &&
    parts.retry?.rejectsResult === undefined &&
    parts.context.tracer === undefined &&
    !needsOperators(parts)
  );
}

/** One attempt without operators, which take over when it fails. */
function openFirst(execution: Execution, method: Method, first?: FirstAnswer): Promise<OpenStream | undefined> {
  const { clock, shutdown } = execution.parts.context;
  shutdown.enter();
  const attempt = execution.begin(clock.now());
  let iterator: AsyncIterator<unknown> | undefined;
  let reader: StreamReader | undefined;
  const handOver = (cause: unknown): Promise<OpenStream | undefined> => {
    attempt.abort(cause);
    if (iterator !== undefined) leaveToItself(iterator);
    reader?.close();
    const opened = open(execution, method, undefined, { failure: attempt.failed(cause) });
    shutdown.leave();
    return opened;
  };
  try {
    attempt.admit();
    const source = (iterator = iteratorOf(
      first === undefined ? reachMethod(attempt, method) : attempt.reach(() => first.answer),
    ));
    const reading = (reader = new StreamReader(execution, source, attempt));
    return reading.readFirst().then((item) => {
      attempt.emitted = execution.emitted = item.done !== true;
      return new OpenStream(item, source, attempt, reading);
    }, handOver);
  } catch (error) {
    return handOver(error);
  }
}
