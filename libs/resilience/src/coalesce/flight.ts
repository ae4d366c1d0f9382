import { defer, type Observable, ReplaySubject, share, type Subscriber, takeWhile, tap } from 'rxjs';

import { captureContext } from '../engine/async-context.js';
import { Execution } from '../engine/execution.js';
import { withSharedSignal } from './shared-signal.js';

/** Those who come later see all items so far; beyond this many nobody can join any more. */
const MAX_REPLAYED_ITEMS = 1000;

/** One running call and those who wait for it. Unsubscribed when the last of them leaves. */
export class Flight {
  /** Callers that joined the one that started it. */
  followers = -1;
  private readonly items: Observable<unknown>;
  private readonly execution: Execution;
  private signals: AbortController | undefined;
  private ended = false;
  /** The attempts are one caller's: the one that started them, or who is there when they end. */
  private attributed = false;

  /** @param closed told once when nobody may join any more */
  constructor(leader: Execution, start: (shared: Execution) => Observable<unknown>, closed: () => void) {
    const { parts, self, args } = leader;
    const ownArgs = withSharedSignal(args, () => (this.signals ??= new AbortController()).signal);
    this.execution = new Execution(parts, self, ownArgs, parts.context.clock.now());
    this.execution.callerSignal = undefined;
    this.execution.streaming = leader.streaming;
    this.execution.replayed = leader.replayed;
    let count = 0;
    // Before anybody hears of the end: what they call next with this key is a new call.
    const end = (): void => {
      this.ended = true;
      closed();
    };
    this.items = defer(() => start(this.execution)).pipe(
      tap({
        next: () => {
          if (++count > MAX_REPLAYED_ITEMS) closed();
        },
        error: end,
        complete: end,
        unsubscribe: end,
      }),
      share({
        connector: () => new ReplaySubject<unknown>(MAX_REPLAYED_ITEMS),
        resetOnComplete: false,
        resetOnError: false,
      }),
    );
  }

  /** Mirrors the call for one more caller, in that caller's async context. */
  board(execution: Execution, caller: Subscriber<unknown>): void {
    this.followers++;
    const context = captureContext();
    let told = false;
    const finish = (tell: () => void): void => {
      if (caller.closed) return;
      told = true;
      this.tellTruth(execution);
      context.runInAsyncScope(tell);
    };
    const emit = (item: unknown): void => {
      execution.emitted = true;
      caller.next(item);
    };
    // A source that emits everything at once would not notice otherwise that its caller has left.
    const subscription = this.items.pipe(takeWhile(() => !caller.closed)).subscribe({
      next: (item) => context.runInAsyncScope(emit, undefined, item),
      error: (error: unknown) => finish(() => caller.error(error)),
      complete: () => finish(() => caller.complete()),
    });
    caller.add(() => {
      if (told) return;
      subscription.unsubscribe();
      this.tellTruth(execution);
      // Set by unsubscribing if this was the last.
      if (this.ended) this.signals?.abort(execution.callerSignal?.reason);
    });
  }

  /** What a caller's dead letter, fallback and statistics say of attempts that were not all its own. */
  private tellTruth(execution: Execution): void {
    const { attempts, retries, entered, records, lastError, firstFailedAt, expired, cutShort } = this.execution;
    execution.attempts += attempts;
    execution.records.push(...records);
    execution.lastError = lastError ?? execution.lastError;
    execution.firstFailedAt ||= firstFailedAt;
    execution.expired = expired;
    execution.cutShort ??= cutShort;
    if (!this.ended || this.attributed) return;
    this.attributed = true;
    execution.entered += entered;
    execution.retries += retries;
  }
}
