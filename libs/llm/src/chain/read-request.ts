import { type OptionProblem, ResilienceOptionsError } from '@nest-resilience/core';
import { didYouMean } from '@nest-resilience/core/kit';
import type { LlmRequest } from '../llm.request.js';
import type { ProviderRequest } from '../providers/provider.js';
import { type LlmTarget, withoutDegraded } from './llm-target.js';

/**
 * The chain of one call: the targets that `model` means first, the others behind them in their order.
 * @param wanted a provider's name, `provider:model`, or a model's name
 */
function chooseTargets(
  targets: readonly LlmTarget[],
  wanted: string | undefined,
  problems: OptionProblem[],
): readonly LlmTarget[] {
  if (wanted === undefined) return targets;
  const matches = targets.filter((target) => namesOf(target).includes(wanted));
  if (matches.length === 0) {
    const known = [...new Set(targets.flatMap(namesOf))];
    problems.push({
      path: 'LlmService > model',
      value: wanted,
      allowed: `one of ${known.join(', ')}${typeof wanted === 'string' ? didYouMean(wanted, known) : ''}`,
    });
  }
  return [...matches, ...targets.filter((target) => !matches.includes(target))];
}

function namesOf({ options: { name, model } }: LlmTarget): string[] {
  return [name, `${name}:${model}`, model];
}

/** Checks a call's own options and puts its messages into one list. @throws ResilienceOptionsError with every problem */
export function readRequest(
  request: Omit<LlmRequest, 'schema'>,
  targets: readonly LlmTarget[],
): { chain: readonly LlmTarget[]; request: ProviderRequest } {
  const problems: OptionProblem[] = [];
  const problem = (name: string, value: unknown, allowed: string) =>
    problems.push({ path: `LlmService > ${name}`, value, allowed });
  const { prompt, messages, system, maxOutputTokens, temperature, degraded } = request;
  if ((prompt === undefined) === (messages === undefined)) problem('prompt', prompt, "either 'prompt' or 'messages'");
  else if (prompt !== undefined && (typeof prompt !== 'string' || prompt.trim() === ''))
    problem('prompt', prompt, 'a text that is not empty');
  else if (messages !== undefined && !isConversation(messages)) {
    problem(
      'messages',
      messages,
      "a list of { role: 'system' | 'user' | 'assistant', content } with at least one of the user",
    );
  }
  if (system !== undefined && typeof system !== 'string') problem('system', system, 'a text');
  if (maxOutputTokens !== undefined && !(Number.isInteger(maxOutputTokens) && maxOutputTokens >= 1)) {
    problem('maxOutputTokens', maxOutputTokens, 'a whole number >= 1');
  }
  if (temperature !== undefined && !(Number.isFinite(temperature) && temperature >= 0))
    problem('temperature', temperature, 'a number >= 0');
  if (degraded !== undefined && degraded !== 'accept' && degraded !== 'refuse')
    problem('degraded', degraded, "'accept' or 'refuse'");
  const chain = withoutDegraded(chooseTargets(targets, request.model, problems), request);
  if (problems.length > 0) throw new ResilienceOptionsError(problems);
  const conversation = messages ?? [{ role: 'user' as const, content: prompt ?? '' }];
  // Providers want system messages in front; their order among themselves stays.
  const ordered = [...conversation.filter(isSystem), ...conversation.filter((message) => !isSystem(message))];
  return {
    chain,
    request: {
      messages: system ? [{ role: 'system', content: system }, ...ordered] : ordered,
      ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      ...(temperature !== undefined && { temperature }),
    },
  };
}

function isSystem(message: { readonly role: string }): boolean {
  return message.role === 'system';
}

function isConversation(messages: unknown): boolean {
  if (!Array.isArray(messages)) return false;
  const sound = messages.every(
    (message: unknown) =>
      typeof message === 'object' &&
      message !== null &&
      'role' in message &&
      'content' in message &&
      ['system', 'user', 'assistant'].includes(message.role as string) &&
      typeof message.content === 'string',
  );
  return sound && messages.some((message: { role: string }) => message.role === 'user');
}
