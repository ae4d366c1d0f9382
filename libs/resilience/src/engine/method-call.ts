import { concat, defer, type Observable } from 'rxjs';

import type { Attempt } from './attempt-state.js';
import type { Execution } from './execution.js';
import type { OpenAttempt } from './operator-lane.js';
import { callMethod, type Method } from './pipeline-parts.js';

/** What a method has returned before the operators have the call. */
export interface FirstAnswer {
  readonly answer: unknown;
  /** Its attempt holds what it needs; otherwise nobody asked the circuit yet. */
  readonly running: boolean;
}

/** Calls the method for each attempt, but not for one that has returned already. */
export function openMethod(execution: Execution, method: Method, first?: FirstAnswer): OpenAttempt {
  let given = first;
  if (first?.running === true) {
    execution.reuseAttempt();
    execution.underway = true;
  }
  return (attempt) => {
    const known = given;
    given = undefined;
    execution.underway = false;
    const own = attempt.execution;
    const reach = (): unknown =>
      known === undefined ? reachMethod(attempt, method) : attempt.reach(() => known.answer);
    if (known?.running === true) return own.shape(known.answer, own, attempt);
    return admitted(attempt, () => own.shape(reach(), own, attempt));
  };
}

/** @param open runs when circuit and permits let the attempt through, which may be now */
export function admitted(attempt: Attempt, open: () => Observable<unknown>): Observable<unknown> {
  const wait = attempt.admit();
  return wait === undefined ? open() : concat(wait, defer(open));
}

/** A coalesced call runs on an execution of its own, so it is the attempt's that counts. */
export function reachMethod(attempt: Attempt, method: Method): unknown {
  const { parts, self, args } = attempt.execution;
  return attempt.reach(() => callMethod(parts, method, self, args, attempt));
}
