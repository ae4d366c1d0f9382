import { Turns } from '@nest-resilience/core';
import { isCheap } from '../expression/cost.js';
import { pack } from '../sandbox/parcel.js';
import { sandbox, SandboxUnavailableError } from '../sandbox/sandbox.js';
import type { JsonSchema } from './draft.js';
import { compileInputSchema, type InputProblem } from './input-schema.js';

/** Keywords that may cost more than the size of the schema times the size of the input. */
const COSTLY = /"(?:pattern|patternProperties|uniqueItems|\$ref|\$dynamicRef)"\s*:/;

/**
 * Checks inputs where that keeps nobody waiting: small ones here, all others in another process.
 * @throws Error when the schema itself is no JSON Schema; the check rejects with SandboxLimitError over the budget
 */
export function inputCheck(schema: JsonSchema): (input: unknown) => Promise<readonly InputProblem[]> {
  const validate = compileInputSchema(schema);
  const text = JSON.stringify(schema);
  const costly = COSTLY.test(text);
  return async (input) => {
    const turns = new Turns();
    const elsewhere = costly || !isCheap(text.length, input);
    await turns.take();
    const value = elsewhere ? pack(input) : undefined;
    if (!value) return validate(input);
    await turns.take();
    try {
      return await sandbox.run({ type: 'validate', schema: text, value });
    } catch (error) {
      if (error instanceof SandboxUnavailableError) return validate(input);
      throw error;
    }
  };
}
