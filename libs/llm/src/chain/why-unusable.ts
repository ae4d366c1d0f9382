import { LlmInvalidAnswerError, LlmRefusedError } from '../llm.errors.js';
import type { ModelRequest } from '../providers/model-call.js';
import type { AnswerFacts } from '../providers/read-answer.js';
import type { LlmTarget } from './llm-target.js';

/**
 * What is wrong with an answer that came to its end, if anything is. One without a word helps nobody: another attempt or another model
 * may do better. What a filter kept back or cut is no answer either, but nobody is asked for it again.
 */
export function whyUnusable(
  { options: { name, model } }: LlmTarget,
  { tools }: ModelRequest,
  { text, finishReason, toolCalls, hasFiles }: Omit<AnswerFacts, 'usage' | 'reasoning'>,
): LlmRefusedError | LlmInvalidAnswerError | undefined {
  if (finishReason === 'content-filter') return new LlmRefusedError(name, model);
  const known = tools?.map((tool) => tool.name) ?? [];
  const unknown = toolCalls.filter((tool) => !known.includes(tool));
  const problems = unknown.map((tool) => `it calls the tool '${tool}', which nobody offered`);
  const waitsForTools = finishReason === 'tool-calls' && known.length === 0;
  if (waitsForTools && problems.length === 0)
    problems.push('it waits for the result of a tool, but nobody offered one');
  if (text.trim() === '' && toolCalls.length === 0 && !hasFiles)
    problems.push(
      finishReason === 'length' ? 'the token limit was reached before the first word' : 'the answer is empty',
    );
  return problems.length === 0 ? undefined : new LlmInvalidAnswerError(name, model, problems, text);
}
