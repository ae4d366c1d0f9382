import { type option, ResilienceOptionsError } from '@nest-resilience/core';
import { LlmGuardError } from '../llm.errors.js';
import type { LlmRequest } from '../llm.request.js';
import type { LlmGuardRecord } from '../llm.result.js';
import { type ProviderAnswer, textIn } from '../providers/read-answer.js';
import { answerSchema } from '../schema/answer-schema.js';
import type { Generated } from '../chain/llm-chain.js';
import type { GUARD, GUARDS, LlmGuarded } from './guard.options.js';
import { type Message, type Text, textsOf, withTexts } from './message-texts.js';
import { redact, type RedactedKind } from './redact.js';

type When = LlmGuarded['when'];
type Guard = option.OutOf<typeof GUARD>;
type About = Pick<LlmRequest, 'tenant' | 'signal'>;

/** Reads texts on their way to a model and back: refuses them, or lets others go on in their place. */
export class Guards {
  constructor(private readonly options: option.OutOf<typeof GUARDS>) {}

  /** @throws LlmGuardError for what must not be sent */
  async before<M extends Message>(
    messages: readonly M[],
    about: About,
    record: LlmGuardRecord[],
  ): Promise<readonly M[]> {
    const guard = this.options.before;
    return guard ? guarded(messages, guard, 'before', about, record) : messages;
  }

  /**
   * Parts of a stream are handed out before anybody could judge them, and it begins at once: what waits for a whole text is refused.
   * @throws LlmGuardError for what must not be sent
   */
  beforeStream<M extends Message>(messages: readonly M[], record: LlmGuardRecord[]): readonly M[] {
    const { before, after } = this.options;
    const waits = before?.check ? 'guards.before.check' : after && 'guards.after';
    if (waits !== undefined) {
      const allowed = `complete(): ${waits} reads whole texts, which a stream does not wait for`;
      throw new ResilienceOptionsError([{ path: 'LlmService > stream', value: 'a stream', allowed }]);
    }
    return before ? withTexts(messages, read(textsOf(messages), before, 'before', record).map(({ text }) => text)) : messages; // prettier-ignore
  }

  /** @throws LlmGuardError for what must not be handed out */
  async after<T>(
    { answer, result }: Generated<ProviderAnswer, T>,
    call: About & Pick<LlmRequest<T>, 'schema'>,
    record: LlmGuardRecord[],
  ): Promise<Generated<ProviderAnswer, T>> {
    const guard = this.options.after;
    if (!guard) return { answer, result: { ...result, ...(record.length > 0 && { guards: record }) } };
    const [message] = await guarded([{ content: inOneText(answer.content) }], guard, 'after', call, record);
    const content = message?.content ?? [];
    const [text, reasoning] = [textIn(content, 'text'), textIn(content, 'reasoning')];
    // Its body has the texts as they came.
    const { body: _body, ...response } = answer.source.response ?? {};
    const judged = {
      answer: { ...answer, content, text, reasoning, source: { ...answer.source, response } },
      result: {
        ...{ ...result, text },
        ...(result.reasoning !== undefined && { reasoning }),
        ...(record.length > 0 && { guards: record }),
      },
    };
    if (text === result.text || call.schema === undefined || answer.toolCalls.length > 0) return judged;
    const checked = await (await answerSchema<T>(call.schema)).check(text);
    if (checked.ok) return { ...judged, result: { ...judged.result, object: checked.object } };
    throw new LlmGuardError('after', `what is left of the answer does not match: ${checked.problems.join('; ')}`);
  }
}

async function guarded<M extends Message>(
  messages: readonly M[],
  guard: Guard,
  when: When,
  about: About,
  record: LlmGuardRecord[],
): Promise<readonly M[]> {
  return withTexts(messages, await checked(read(textsOf(messages), guard, when, record), guard, when, about, record));
}

/** What is to be found may begin in one part and end in the next. */
function inOneText(content: ProviderAnswer['content']): ProviderAnswer['content'] {
  const first = content.findIndex(({ type }) => type === 'text');
  const others = content.filter(({ type }, index) => type !== 'text' || index === first);
  if (others.length === content.length) return content;
  return others.with(first, { type: 'text', text: textIn(content, 'text') });
}

/** What needs no waiting. */
function read(texts: readonly Text[], guard: Guard, when: When, record: LlmGuardRecord[]): readonly Text[] {
  const { maxChars, redact: kinds = [] } = guard;
  const size = texts.reduce((sum, { text }) => sum + text.length, 0);
  if (maxChars !== undefined && size > maxChars)
    throw new LlmGuardError(when, `it has ${size} characters, at most ${maxChars} are allowed`);
  const named = kinds.filter((kind): kind is RedactedKind => typeof kind === 'string');
  const patterns = kinds.filter((kind) => kind instanceof RegExp);
  return texts.map(({ text, what }) => {
    const redacted = redact(text, named, patterns);
    if (redacted.count > 0) record.push({ when, guard: 'redact', count: redacted.count });
    return { text: redacted.text, what };
  });
}

/** By the application's own guard. */
function checked(
  texts: readonly Text[],
  { check }: Guard,
  when: When,
  { tenant, signal }: About,
  record: LlmGuardRecord[],
): Promise<readonly string[]> {
  const about = { when, ...(tenant !== undefined && { tenant }), ...(signal && { signal }) };
  const judged = async ({ text, what }: Text): Promise<string> => {
    try {
      const given = await check?.(text, { ...about, what });
      if (typeof given !== 'string' || given === text) return text;
      record.push({ when, guard: 'check', count: 1 });
      return given;
    } catch (error) {
      signal?.throwIfAborted();
      throw new LlmGuardError(when, error instanceof Error ? error.message : String(error), error);
    }
  };
  return Promise.all(texts.map(judged));
}
