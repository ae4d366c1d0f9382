import { type option, ResilienceOptionsError } from '@nest-resilience/core';
import { LlmGuardError } from '../llm.errors.js';
import type { LlmRequest } from '../llm.request.js';
import type { LlmGuardRecord, LlmResult } from '../llm.result.js';
import { answerSchema } from '../schema/answer-schema.js';
import type { GUARD, GUARDS, LlmGuarded } from './guard.options.js';
import { type Message, textsOf, withTexts } from './message-texts.js';
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
    return guard ? withTexts(messages, await checked(read(textsOf(messages), guard, 'before', record), guard, 'before', about, record)) : messages; // prettier-ignore
  }

  /**
   * Parts of a stream are handed out before anybody could judge them, and it begins at once: what waits for a whole text is refused.
   * @throws LlmGuardError for what must not be sent
   */
  beforeStream<M extends Message>(messages: readonly M[]): readonly M[] {
    const { before, after } = this.options;
    const waits = before?.check ? 'guards.before.check' : after && 'guards.after';
    if (waits !== undefined) {
      const allowed = `complete(): ${waits} reads whole texts, which a stream does not wait for`;
      throw new ResilienceOptionsError([{ path: 'LlmService > stream', value: 'a stream', allowed }]);
    }
    return before ? withTexts(messages, read(textsOf(messages), before, 'before', [])) : messages;
  }

  /** @throws LlmGuardError for what must not be handed out */
  async after<T>(result: LlmResult<T>, request: LlmRequest<T>, record: LlmGuardRecord[]): Promise<LlmResult<T>> {
    const guard = this.options.after;
    const given = [result.text];
    const [text = ''] = guard
      ? await checked(read(given, guard, 'after', record), guard, 'after', request, record)
      : given;
    const guarded = { ...result, text, ...(record.length > 0 && { guards: record }) };
    if (text === result.text || request.schema === undefined) return guarded;
    const answer = await (await answerSchema<T>(request.schema)).check(text);
    if (answer.ok) return { ...guarded, object: answer.object };
    throw new LlmGuardError('after', `what is left of the answer does not match: ${answer.problems.join('; ')}`);
  }
}

/** What needs no waiting. */
function read(texts: readonly string[], guard: Guard, when: When, record: LlmGuardRecord[]): readonly string[] {
  const { maxChars, redact: kinds = [] } = guard;
  const size = texts.reduce((sum, { length }) => sum + length, 0);
  if (maxChars !== undefined && size > maxChars)
    throw new LlmGuardError(when, `it has ${size} characters, at most ${maxChars} are allowed`);
  const named = kinds.filter((kind): kind is RedactedKind => typeof kind === 'string');
  const patterns = kinds.filter((kind) => kind instanceof RegExp);
  return texts.map((text) => {
    const redacted = redact(text, named, patterns);
    if (redacted.count > 0) record.push({ when, guard: 'redact', count: redacted.count });
    return redacted.text;
  });
}

/** By the application's own guard. */
function checked(
  texts: readonly string[],
  { check }: Guard,
  when: When,
  { tenant, signal }: About,
  record: LlmGuardRecord[],
): Promise<readonly string[]> {
  const about: LlmGuarded = { when, ...(tenant !== undefined && { tenant }), ...(signal && { signal }) };
  const judged = async (text: string): Promise<string> => {
    try {
      const given = await check?.(text, about);
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
