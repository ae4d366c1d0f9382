import type { ModelRequest } from '../providers/model-call.js';
import { type ProviderAnswer, readAnswer } from '../providers/read-answer.js';
import type { CallRecord } from './call-record.js';
import type { Turn } from './call-targets.js';
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
    once: async (attempt) => readAnswer(await provider.generate(request, { signal: attempt })),
    adapt: (error) => provider.adapt?.(request, error) === true,
    whyUnusable: (answer) => whyUnusable(target, request, answer),
  });
}
