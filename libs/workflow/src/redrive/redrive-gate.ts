import { type DeadLetterGate, NotNowError } from '@nest-resilience/core';
import { EXECUTION_POISONED } from '../workflow.errors.js';
import { WorkflowRuns } from './workflow-runs.js';

/** What waits for a person is looked at again by `autoRedrive` after this long at the earliest. */
const LATER_MS = 3_600_000;

/** Redrives of executions need the process that runs them; those of poisoned ones need a person. */
export function redriveGate(refusal: () => NotNowError | undefined): DeadLetterGate {
  return ({ target, error }, unattended) => {
    if (!target.startsWith(`${WorkflowRuns.name}.`)) return undefined;
    const isPoison = error.code === EXECUTION_POISONED || error.cause?.code === EXECUTION_POISONED;
    if (unattended && isPoison)
      return new NotNowError(
        'the execution took its process along: only a person may redrive it',
        EXECUTION_POISONED,
        target,
        LATER_MS,
      );
    return refusal();
  };
}
