import { LlmInvalidAnswerError } from '../llm.errors.js';
import type { ModelRequest } from '../providers/model-call.js';
import type { ProviderAnswer } from '../providers/read-answer.js';
import type { AnswerSchema } from '../schema/answer-schema.js';
import type { Mend } from '../schema/read-json.js';
import { healInstruction } from '../schema/schema-instruction.js';
import { ask, type Asked } from './ask.js';
import type { CallRecord } from './call-record.js';
import type { Turn } from './call-targets.js';

export interface Healing {
  /** How often an invalid answer is asked for again. */
  readonly heals: number;
  readonly healed: (turn: Turn, heal: number, problems: readonly string[]) => void;
}

/**
 * Asks a target for an answer of the schema's shape. An answer that does not match goes back to the model with what is
 * wrong with it. The circuit does not count such answers: the provider is well, and other callers' schemas may suit it.
 * @throws LlmInvalidAnswerError when the last round's answer does not match either
 */
export async function askForObject<T>(
  turn: Turn,
  request: ModelRequest,
  schema: AnswerSchema<T>,
  record: CallRecord,
  signal: AbortSignal | undefined,
  { heals, healed }: Healing,
): Promise<{ readonly answer: ProviderAnswer; readonly object?: T }> {
  const { options, provider } = turn.target;
  // Plain text processing would say the same again.
  const rounds = provider.kind === 'offline' ? 0 : heals;
  let prompt = request.prompt;
  for (let round = 0; ; round++) {
    const { answer, opened }: Asked = await ask(turn, { ...request, prompt }, record, signal);
    if (answer.toolCalls.length > 0) {
      // Whoever calls tools has not answered yet.
      opened.ok(answer.usage);
      return { answer };
    }
    const checked = await schema.check(answer.text);
    const isCut = answer.finishReason === 'length';
    if (checked.ok && !(isCut && mayBePart(checked))) {
      opened.ok(answer.usage, checked.mended);
      return { answer, object: checked.object };
    }
    const found = checked.ok ? [] : checked.problems;
    const problems = isCut ? ['the answer was cut at the token limit: be brief', ...found] : found;
    opened.invalid(answer.usage, problems);
    if (round >= rounds)
      throw new LlmInvalidAnswerError(
        options.name,
        options.model,
        problems,
        answer.text,
        checked.ok ? undefined : checked.cause,
      );
    record.heals++;
    healed(turn, round + 1, problems);
    prompt = [
      ...request.prompt,
      { role: 'assistant', content: [{ type: 'text', text: answer.text }] },
      { role: 'user', content: [{ type: 'text', text: healInstruction(problems) }] },
    ];
  }
}

/** Of a cut answer: what would have come may be the rest of a number, or the value that counts. */
function mayBePart({ object, mended }: { readonly object: unknown; readonly mended: readonly Mend[] }): boolean {
  return typeof object === 'number' || mended.includes('several values') || mended.includes('text around it');
}
