import { option } from '@nest-resilience/core';
import { didYouMean } from '@nest-resilience/core/kit';
import { type LlmRequest, type LlmStreamRequest, REQUEST, STREAM_REQUEST } from '../llm.request.js';
import type { ModelPrompt, ModelRequest } from '../providers/model-call.js';
import { goodEnough, type LlmTarget } from './llm-target.js';
import { modelMessage } from './read-messages.js';

/** What other clients call an option of ours. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...{ maxTokens: 'maxOutputTokens', max_tokens: 'maxOutputTokens', maxCompletionTokens: 'maxOutputTokens' },
  ...{ max_completion_tokens: 'maxOutputTokens', max_output_tokens: 'maxOutputTokens', input: 'prompt' },
  ...{ stop: 'stopSequences', stop_sequences: 'stopSequences', instructions: 'system', abortSignal: 'signal' },
  ...{ response_format: 'schema', responseFormat: 'schema', output: 'schema' },
};

const TOOLS = "nothing here: tools are run by generateText() of 'ai', which takes llm.model() as its model";

export interface ReadRequest {
  readonly chain: readonly LlmTarget[];
  readonly request: ModelRequest;
}

/** Checks a call's own options and puts its messages into one list. @throws ResilienceOptionsError with every problem */
export function readRequest(
  request: LlmRequest | LlmStreamRequest,
  targets: readonly LlmTarget[],
  kind: 'whole' | 'stream',
): ReadRequest {
  const at = new option.Place('LlmService');
  const ours = withoutOthersWords(request, at);
  const read = (kind === 'whole' ? REQUEST : STREAM_REQUEST).read(ours, at);
  const chain = goodEnough(chooseTargets(targets, request?.model, at), request ?? {}, at);
  at.finish();
  const {
    prompt,
    messages,
    system,
    model: _model,
    signal: _signal,
    schema: _schema,
    tenant: _tenant,
    cache: _cache,
    degraded: _degraded,
    minQuality: _minQuality,
    ...settings
  } = { ...REQUEST.fallback, ...read };
  const conversation = (messages as ModelPrompt | undefined) ?? [modelMessage({ role: 'user', content: prompt ?? '' })];
  return {
    chain,
    request: {
      ...withoutAbsent(settings),
      prompt: system ? [modelMessage({ role: 'system', content: system }), ...conversation] : conversation,
    },
  };
}

/**
 * The chain of one call: the targets that `model` means first, the others behind them in their order.
 * @param wanted a provider's name, `provider:model`, or a model's name
 * @param only names of the targets that may be asked at all
 */
export function chooseTargets<T extends Named>(
  all: readonly T[],
  wanted: string | undefined,
  at: option.Place,
  only?: readonly string[],
): readonly T[] {
  const targets = only === undefined ? all : all.filter((one) => namesOf(one).some((name) => only.includes(name)));
  if (targets.length === 0) at.at('only').refuse(only, `some of ${all.flatMap(namesOf).join(', ')}`);
  if (wanted === undefined) return targets;
  const matches = targets.filter((target) => namesOf(target).includes(wanted));
  if (matches.length === 0) {
    const known = [...new Set(targets.flatMap(namesOf))];
    const hint = typeof wanted === 'string' ? didYouMean(wanted, known) : '';
    at.at('model').refuse(wanted, `one of ${known.join(', ')}${hint}`);
  }
  const chosen = matches.map((target) => ({ ...target, chosen: true }));
  return [...chosen, ...targets.filter((target) => !matches.includes(target))];
}

interface Named {
  readonly options: { readonly name: string; readonly model: string };
}

function namesOf({ options: { name, model } }: Named): string[] {
  return [name, `${name}:${model}`, model];
}

function withoutOthersWords(request: object, at: option.Place): object {
  const others = Object.keys(request ?? {}).filter((name) => name === 'tools' || name in ELSEWHERE);
  if (others.length === 0) return request;
  const rest: Record<string, unknown> = { ...request };
  for (const name of others) {
    const allowed = name === 'tools' ? TOOLS : `no such option (did you mean '${ELSEWHERE[name]}'?)`;
    at.at(name).refuse(rest[name], allowed);
    delete rest[name];
  }
  return rest;
}

function withoutAbsent(settings: object): Omit<ModelRequest, 'prompt'> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
