import { createPolicy, type OptionProblem, ResilienceOptionsError } from '@nest-resilience/core';
import { policiesOf } from '../chain/llm-target.js';
import type { LlmModuleOptions } from '../llm.options.js';
import { readLlmOptions } from './read-options.js';

/**
 * All that would be refused of the options of {@link LlmModule}, also what it would refuse only when the application starts.
 * @throws ResilienceOptionsError with every option that cannot work
 */
export function checkLlmOptions(options: LlmModuleOptions): void {
  const { targets, embeddings } = readLlmOptions(options);
  forEachTarget([...targets, ...embeddings], (target) => createPolicy(policiesOf(target).whole));
}

/** One error for the policies of all targets. */
export function forEachTarget<O, T>(targets: readonly O[], create: (options: O) => T): T[] {
  const problems: OptionProblem[] = [];
  const created = targets.flatMap((options) => {
    try {
      return [create(options)];
    } catch (error) {
      if (!(error instanceof ResilienceOptionsError)) throw error;
      problems.push(...error.problems);
      return [];
    }
  });
  if (problems.length > 0) throw new ResilienceOptionsError(problems);
  return created;
}
