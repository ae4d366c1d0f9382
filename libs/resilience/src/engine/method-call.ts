import type { Attempt } from './attempt-state.js';
import type { Execution } from './execution.js';
import type { OpenAttempt } from './operator-lane.js';
import { callMethod, type Method } from './pipeline-parts.js';
import { toObservable } from './return-kind.js';

/** @param first what an attempt that was admitted already returned */
export function openMethod(execution: Execution, method: Method, first?: { outcome: unknown }): OpenAttempt {
  let given = first;
  if (given !== undefined) {
    execution.reuseAttempt();
    execution.underway = true;
  }
  return (attempt) => {
    const running = given;
    given = undefined;
    execution.underway = false;
    return toObservable(running === undefined ? enterMethod(attempt, method) : running.outcome);
  };
}

/** A coalesced call runs on an execution of its own, so it is the attempt's that counts. */
export function enterMethod(attempt: Attempt, method: Method): unknown {
  const { parts, self, args } = attempt.execution;
  return attempt.enter(() => callMethod(parts, method, self, args, attempt));
}
