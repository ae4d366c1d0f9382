import { onAbort } from './abort-listeners.js';
import { bindContext } from './async-context.js';
import type { Execution } from './execution.js';

interface WaitEnds {
  /** The wait is over, one way or another; called once and before anybody is told. */
  readonly onEnd: (held: boolean) => void;
  /** The process is going: the refusal to answer with. */
  readonly onShutdown: () => Error;
}

/** The wait of one call for its turn. It ends once: held, refused, aborted by the caller, or given up by the engine. */
export class PermitWait {
  private over = false;
  private readonly finish: (refusal?: Error) => void;
  private readonly forgetShutdown: () => void;
  private readonly unlisten: (() => void) | undefined;

  constructor(
    execution: Execution,
    done: (refusal?: Error) => void,
    private readonly ends: WaitEnds,
  ) {
    // Whoever ends the wait (another call, a shared timer), what follows belongs to this caller.
    this.finish = bindContext(done);
    const { callerSignal } = execution;
    this.unlisten = callerSignal && onAbort(callerSignal, () => this.refuse(() => callerSignal.reason as Error));
    this.forgetShutdown = execution.parts.context.shutdown.onStop(() => this.refuse(ends.onShutdown));
  }

  admit(): void {
    if (this.end(true)) this.finish();
  }

  /** @param refusal made only if the wait is not over yet */
  refuse(refusal: () => Error): void {
    if (this.end(false)) this.finish(refusal());
  }

  giveUp(): void {
    this.end(false);
  }

  private end(held: boolean): boolean {
    if (this.over) return false;
    this.over = true;
    this.forgetShutdown();
    this.unlisten?.();
    this.ends.onEnd(held);
    return true;
  }
}
