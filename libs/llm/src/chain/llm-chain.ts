import type { Clock, EventSink } from '@nest-resilience/core';
import type { LlmEventMap } from '../llm.events.js';
import type { LlmMetrics } from '../llm.metrics.js';
import type { LlmRequest } from '../llm.request.js';
import type { LlmResult } from '../llm.result.js';
import type { ProviderRequest } from '../providers/provider.js';
import { answerSchema } from '../schema/answer-schema.js';
import { ask } from './ask.js';
import { CallRecord, type TryListener } from './call-record.js';
import { CallTargets } from './call-targets.js';
import { askForObject } from './heal.js';
import type { LlmTarget } from './llm-target.js';
import { reasonIn } from './reason.js';
import { estimateTokens } from './token-limit.js';

export interface ChainSurroundings {
  readonly clock: Clock;
  readonly events: EventSink;
  readonly metrics: LlmMetrics;
  readonly heals: number;
  readonly tried: TryListener;
}

/** What a call, streamed or not, needs on its way along the chain. */
export interface ChainCall {
  readonly record: CallRecord;
  readonly targets: CallTargets;
}

/** Runs calls along a list of targets and tells what happened to them. */
export class LlmChain {
  constructor(readonly surroundings: ChainSurroundings) {}

  async complete<T>(
    chain: readonly LlmTarget[],
    request: ProviderRequest,
    options: Pick<LlmRequest<T>, 'schema' | 'signal'>,
  ): Promise<LlmResult<T>> {
    const { signal } = options;
    const call = this.begin(chain, request);
    try {
      signal?.throwIfAborted();
      const result = await this.firstAnswer(call, request, options);
      this.completed(result, false);
      return result;
    } catch (error) {
      this.failed(error, call.record, { stream: false, signal });
      throw error;
    }
  }

  begin(chain: readonly LlmTarget[], request: ProviderRequest): ChainCall {
    const { clock, tried } = this.surroundings;
    const record = new CallRecord(clock, tried);
    const estimate = estimateTokens(request.messages, request.maxOutputTokens);
    const targets = new CallTargets(chain, estimate, record, (from, { target, fallbackLevel }, reason, error) => {
      this.emit('resilience.llm.fell-back', () => ({
        from: { provider: from.options.name, model: from.options.model },
        to: { provider: target.options.name, model: target.options.model },
        fallbackLevel,
        reason,
        error,
      }));
    });
    return { record, targets };
  }

  completed(result: LlmResult<unknown>, stream: boolean): void {
    this.surroundings.metrics.completed(result);
    this.emit('resilience.llm.completed', () => {
      const { text: _text, object: _object, quality: _quality, tries: _tries, ...facts } = result;
      return { ...facts, stream };
    });
  }

  failed(
    error: unknown,
    { tries }: CallRecord,
    { stream, signal }: { readonly stream: boolean; readonly signal: AbortSignal | undefined },
  ): void {
    this.surroundings.metrics.failed();
    this.emit('resilience.llm.failed', () => ({ error, reason: reasonIn(signal, error), tries, stream }));
  }

  private async firstAnswer<T>(
    { record, targets }: ChainCall,
    request: ProviderRequest,
    { schema: wanted, signal }: Pick<LlmRequest<T>, 'schema' | 'signal'>,
  ): Promise<LlmResult<T>> {
    const schema = wanted === undefined ? undefined : await answerSchema<T>(wanted);
    for (;;) {
      const turn = await targets.turn(signal);
      try {
        if (schema === undefined) {
          const { answer, opened } = await ask(turn, request, record, signal);
          opened.ok(answer.usage);
          return record.result<T>(turn.target, turn.fallbackLevel, answer);
        }
        const shaped = { ...request, jsonSchema: schema.jsonSchema };
        const { answer, object } = await askForObject(turn, shaped, schema, record, signal, {
          heals: this.surroundings.heals,
          healed: ({ target }, heal, problems) =>
            this.emit('resilience.llm.healed', () => ({
              provider: target.options.name,
              model: target.options.model,
              heal,
              problems,
            })),
        });
        return record.result<T>(turn.target, turn.fallbackLevel, { ...answer, object });
      } catch (error) {
        targets.failed(turn, error, signal);
      }
    }
  }

  private emit<N extends keyof LlmEventMap>(name: N, payload: () => LlmEventMap[N]): void {
    const { events } = this.surroundings;
    if (events.listens(name)) events.emit(name, payload());
  }
}
