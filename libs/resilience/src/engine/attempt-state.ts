import type { AttemptContext } from './attempt.js';
import type { Execution } from './execution.js';

/** One running attempt. Its AbortController exists only if somebody reads `signal`. */
export class Attempt implements AttemptContext {
  private controller: AbortController | undefined;
  private unlink: (() => void) | undefined;
  private abortReason: { readonly reason: unknown } | undefined;

  constructor(
    readonly execution: Execution,
    readonly number: number,
    readonly lastError: unknown,
    /** By the monotonic clock; Infinity for never. */
    private readonly givenUpAt: number,
  ) {}

  get deadline(): number | undefined {
    if (this.givenUpAt === Infinity) return undefined;
    const { clock } = this.execution.parts.context;
    return clock.epochNow() + (this.givenUpAt - clock.now());
  }

  get executionId(): string {
    return this.execution.id;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.abortReason !== undefined) this.controller.abort(this.abortReason.reason);
      else this.followCaller(this.controller, this.execution.callerSignal);
    }
    return this.controller.signal;
  }

  abort(reason: unknown): void {
    this.abortReason ??= { reason };
    this.controller?.abort(reason);
    this.end();
  }

  /** AbortSignal.any() leaks on Node 20, so the link to the caller's signal is made and taken away by hand. */
  end(): void {
    this.unlink?.();
    this.unlink = undefined;
  }

  private followCaller(controller: AbortController, caller: AbortSignal | undefined): void {
    if (caller === undefined) return;
    if (caller.aborted) return controller.abort(caller.reason);
    const listener = (): void => controller.abort(caller.reason);
    caller.addEventListener('abort', listener, { once: true });
    this.unlink = () => caller.removeEventListener('abort', listener);
  }
}
