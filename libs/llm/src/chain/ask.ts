import type { ModelRequest } from '../providers/model-call.js';
import { type ProviderAnswer, readAnswer } from '../providers/read-answer.js';
import type { CallRecord } from './call-record.js';
import { estimatedUsage } from './cost.js';
import type { Turn } from './call-targets.js';
import type { LlmTarget } from './llm-target.js';
import { whyUnusable } from './why-unusable.js';
import { send, type Sent } from './send.js';
import { estimateTokens } from './token-limit.js';

export type Asked = Sent<ProviderAnswer>;

/** Asks one target for a whole answer. */
export function ask(
  turn: Turn,
  request: ModelRequest,
  record: CallRecord,
  signal: AbortSignal | undefined,
): Promise<Asked> {
  const { target } = turn;
  const { provider } = target;
  return send(turn, {
    estimatedTokens: estimateTokens(request.prompt, request.maxOutputTokens),
    record,
    signal,
    once: async (attempt) =>
      counted(target, request, readAnswer(await provider.generate(request, { signal: attempt }))),
    adapt: (error) => provider.adapt?.(request, error) === true,
    whyUnusable: (answer) => whyUnusable(target, request, answer),
  });
}

/** With what it cost, also when its server counts nothing. */
function counted({ provider }: LlmTarget, { prompt }: ModelRequest, answer: ProviderAnswer): ProviderAnswer {
  if (answer.usage.totalTokens > 0 || provider.kind === 'offline') return answer;
  return { ...answer, usage: estimatedUsage(prompt, answer.text.length + answer.reasoning.length) };
}
