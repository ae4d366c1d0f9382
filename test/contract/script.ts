import { Injectable } from '@nestjs/common';

/** What the next attempt does: succeed with the argument, fail with this error, or never answer. */
export type Step = 'ok' | 'hang' | Error;

/** Tells the method under test what to do, and remembers what was done to it. */
@Injectable()
export class Script {
  attempts = 0;
  /** Calls of the fallback method, with the last context it got. */
  rescues = 0;
  lastRescue: { args: unknown[]; context: { attempts: number; level: number; error: unknown } } | undefined;
  rescueFails = false;
  private steps: readonly Step[] = ['ok'];

  play(...steps: Step[]): void {
    this.steps = steps;
    this.attempts = 0;
    this.rescues = 0;
    this.lastRescue = undefined;
    this.rescueFails = false;
  }

  /** The last step repeats for ever. */
  take(): Step {
    const step = this.steps[Math.min(this.attempts, this.steps.length - 1)] ?? 'ok';
    this.attempts++;
    return step;
  }

  rescue(args: unknown[]): string {
    this.rescues++;
    this.lastRescue = { args: args.slice(0, -1), context: args.at(-1) as never };
    if (this.rescueFails) throw new Error('the fallback failed too');
    return 'rescued';
  }
}
