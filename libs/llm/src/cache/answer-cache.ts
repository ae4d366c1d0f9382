import { createHash } from 'node:crypto';
import type { Clock } from '@nest-resilience/core';
import { within } from '@nest-resilience/core/kit';
import type { CallSettings, Generated } from '../chain/llm-chain.js';
import type { LlmTarget } from '../chain/llm-target.js';
import { type LlmResult, NO_USAGE } from '../llm.result.js';
import type { ModelAnswer } from '../providers/model-call.js';
import { type ProviderAnswer, readAnswer } from '../providers/read-answer.js';
import { type AnswerSchema, answerSchema } from '../schema/answer-schema.js';
import { type LlmAnswerStore, MemoryAnswerStore } from './answer-store.js';

/** Milliseconds. A store that takes longer has nothing. */
const STORE_TIMEOUT_MS = 1_000;

export interface AnswerCacheOptions {
  readonly ttl: number;
  readonly maxEntries: number;
  readonly store?: LlmAnswerStore | undefined;
}

export interface CacheCounts {
  hits: number;
  misses: number;
  /** Times the store failed or was too late; such a call is asked as if nothing was kept. */
  failures: number;
}

type Answer<T> = Generated<ProviderAnswer, T>;

/**
 * Answers a call with what an equal one was answered: the whole request, the chain it would go along, and the tenant are the same. Only answers
 * of models are kept, and only whole ones.
 */
export class AnswerCache {
  readonly counts: CacheCounts = { hits: 0, misses: 0, failures: 0 };
  private readonly store: LlmAnswerStore;

  constructor(
    private readonly options: AnswerCacheOptions,
    private readonly clock: Clock,
  ) {
    this.store = options.store ?? new MemoryAnswerStore(options.maxEntries, clock);
  }

  /** @param asked all that the models are told */
  async around<T>(
    call: CallSettings<T>,
    asked: object,
    chain: readonly LlmTarget[],
    ask: () => Promise<Answer<T>>,
  ): Promise<Answer<T>> {
    if (call.cache === false) return ask();
    const schema = call.schema === undefined ? undefined : await answerSchema<T>(call.schema);
    const targets = chain.map(({ options: { name, model } }) => `${name}:${model}`);
    const place = placeOf([call.tenant ?? null, asked, schema?.jsonSchema ?? null, targets]);
    call.signal?.throwIfAborted();
    const found = await this.find(place, schema);
    call.signal?.throwIfAborted();
    if (found !== undefined) {
      this.counts.hits++;
      return found;
    }
    this.counts.misses++;
    const answer = await ask();
    // Files would have to be kept by themselves.
    if (!answer.result.degraded && !answer.result.truncated && !answer.answer.hasFiles)
      void this.try(async () => {
        await this.store.set(place, keptOf(answer), this.options.ttl);
      });
    return answer;
  }

  private async find<T>(place: string, schema: AnswerSchema<T> | undefined): Promise<Answer<T> | undefined> {
    const begun = this.clock.now();
    return this.try(async () => {
      const text = await this.store.get(place);
      if (text === null || text === undefined) return undefined;
      const { result, source } = JSON.parse(text) as Kept;
      const answer = readAnswer({ ...source, usage: NOTHING_USED, warnings: [] });
      // Read anew: what a schema makes of an answer need not be JSON, and two schemas may look the same to a model.
      const checked = answer.toolCalls.length > 0 ? undefined : await schema?.check(answer.text);
      if (checked?.ok === false) return undefined;
      const cached = {
        ...result,
        ...(checked && { object: checked.object }),
        ...{ attempts: 0, retries: 0, heals: 0, usage: NO_USAGE, costUsd: 0, wastedCostUsd: 0, tries: [] },
        ...{ durationMs: this.clock.now() - begun, cached: true },
      };
      return { answer, result: cached };
    });
  }

  private async try<R>(work: () => Promise<R>): Promise<R | undefined> {
    try {
      return await within(this.clock, STORE_TIMEOUT_MS, work(), () => {
        throw new Error(`the store of answers took longer than ${STORE_TIMEOUT_MS} ms`);
      });
    } catch {
      this.counts.failures++;
      return undefined;
    }
  }
}

/** The same for the same values, whatever the order of their fields. */
function placeOf(parts: readonly unknown[]): string {
  const text = JSON.stringify(parts, (_name, value: unknown) => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
  return `llm:${createHash('sha256').update(text).digest('hex')}`;
}

type OfTheCall =
  'object' | 'attempts' | 'retries' | 'heals' | 'usage' | 'costUsd' | 'wastedCostUsd' | 'tries' | 'durationMs';
interface Kept {
  readonly result: Omit<LlmResult, OfTheCall>;
  readonly source: Pick<ModelAnswer, 'content' | 'finishReason' | 'providerMetadata'>;
}

const NOTHING_USED: ModelAnswer['usage'] = {
  inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 0, text: 0, reasoning: 0 },
};

/** What is true of the answer, not of the call that brought it. */
function keptOf({ answer: { content, source }, result }: Answer<unknown>): string {
  const { object: _o, attempts: _a, retries: _r, heals: _h, usage: _u, tries: _t, durationMs: _d, ...rest } = result;
  const { costUsd: _c, wastedCostUsd: _w, ...kept } = rest;
  const { finishReason, providerMetadata } = source;
  const given = { content: [...content], finishReason, ...(providerMetadata && { providerMetadata }) };
  return JSON.stringify({ result: kept, source: given } satisfies Kept);
}
