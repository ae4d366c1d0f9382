import { classifyError, redactText, ResilienceError } from '@nest-resilience/core';
import type { WorkflowDefinition } from '../graph/definition.js';
import { type ExecutionRecord, NO_TOTALS } from '../ledger/execution.js';
import { type JsonValue, toJsonValueInTurns } from '../ledger/json-value.js';
import type { WorkflowRegistry } from '../registry/workflow-registry.js';
import { SandboxLimitError } from '../sandbox/sandbox.js';
import { IdempotencyConflictError, StoreUnavailableError, WorkflowInputError } from '../workflow.errors.js';

const KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;

/** The input as JSON. @throws WorkflowInputError with everything that is wrong with the submission */
export async function checkSubmission(
  registry: WorkflowRegistry,
  workflow: string,
  input: unknown,
  { idempotencyKey, maxBytes }: { readonly idempotencyKey: string | undefined; readonly maxBytes: number },
): Promise<JsonValue> {
  const problems = [];
  if (idempotencyKey !== undefined && !KEY.test(idempotencyKey)) {
    problems.push({ field: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' });
  }
  let value;
  try {
    value = await toJsonValueInTurns(input, 'the input', maxBytes);
    problems.push(...(await registry.inputProblems(workflow, value)));
  } catch (error) {
    const { message } = error as Error;
    const over = error instanceof SandboxLimitError;
    problems.push({
      field: '',
      message: over ? `cannot be checked against its schema: ${message}` : message.replace('the input ', ''),
    });
  }
  if (problems.length > 0 || value === undefined) throw new WorkflowInputError(workflow, problems);
  return value;
}

export function newExecution(
  { name, version, deadlineMs }: WorkflowDefinition,
  { id, input, inputHash, now }: { id: string; input: JsonValue; inputHash: string; now: number },
): ExecutionRecord {
  return {
    id,
    workflow: name,
    version,
    status: 'queued',
    input,
    inputHash,
    createdAt: now,
    resumes: 0,
    degraded: false,
    totals: NO_TOTALS,
    ...(deadlineMs !== undefined && { deadlineAt: now + deadlineMs }),
  };
}

/** @throws IdempotencyConflictError when the key belongs to other input */
export function sameInput(execution: ExecutionRecord, inputHash: string): ExecutionRecord {
  if (execution.inputHash === inputHash || execution.idempotencyKey === undefined) return execution;
  throw new IdempotencyConflictError(execution.workflow, execution.idempotencyKey, execution.id);
}

/**
 * What a caller hears of a ledger that failed: never the words of a driver, which clients can do nothing with.
 * @throws WorkflowInputError when the ledger refuses this one, StoreUnavailableError when it takes none
 */
export function refused(workflow: string, error: unknown): never {
  if (error instanceof ResilienceError) throw error;
  const { reason } = classifyError(error);
  // A fault of ours, which the log shall show.
  if (reason === 'unknown') throw error;
  if (reason !== 'bad_request') throw new StoreUnavailableError(error);
  const message = `is refused by the ledger: ${redactText((error as Error).message)}`;
  throw new WorkflowInputError(workflow, [{ field: '', message }]);
}
