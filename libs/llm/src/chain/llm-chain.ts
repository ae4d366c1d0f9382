import type { Clock, EventSink } from '@nest-resilience/core';
import type { LlmEventMap } from '../llm.events.js';
import type { LlmMetrics } from '../llm.metrics.js';
import type { LlmRequest } from '../llm.request.js';
import type { LlmResult } from '../llm.result.js';
import type { ModelRequest } from '../providers/model-call.js';
import type { ProviderAnswer } from '../providers/read-answer.js';
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

export interface Generated<T> {
  readonly answer: ProviderAnswer;
  readonly result: LlmResult<T>;
}

/** Runs calls along a list of targets and tells what happened to them. */
export class LlmChain {
  constructor(readonly surroundings: ChainSurroundings) {}

  /** A whole answer; one that is to match a schema is checked, and asked for again with what is wrong. */
  async generate<T>(
    chain: readonly LlmTarget[],
    request: ModelRequest,
    options: Pick<LlmRequest<T>, 'schema' | 'signal'>,
  ): Promise<Generated<T>> {
    const { signal } = options;
    const call = this.begin(chain, request);
    try {
      signal?.throwIfAborted();
      const generated = await this.firstAnswer(call, request, options);
      this.completed(generated.result, false);
      return generated;
    } catch (error) {
      this.failed(error, call.record, { stream: false, signal });
      throw error;
    }
  }

  begin(chain: readonly LlmTarget[], request: ModelRequest): ChainCall {
    const { clock, tried } = this.surroundings;
    const record = new CallRecord(request, clock, tried);
    const estimate = estimateTokens(request.prompt, request.maxOutputTokens);
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
      const {
        text: _text,
        reasoning: _reasoning,
        object: _object,
        quality: _quality,
        tries: _tries,
        ...facts
      } = result;
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
    request: ModelRequest,
    { schema: wanted, signal }: Pick<LlmRequest<T>, 'schema' | 'signal'>,
  ): Promise<Generated<T>> {
    const schema = wanted === undefined ? undefined : await answerSchema<T>(wanted);
    for (;;) {
      const turn = targets.turn();
      const resultOf = (answer: Parameters<typeof record.result<T>>[2]) =>
        record.result<T>(turn.target, turn.fallbackLevel, answer);
      try {
        if (schema === undefined) {
          const { answer, opened } = await ask(turn, request, record, signal);
          opened.ok(answer.usage);
          return { answer, result: resultOf(answer) };
        }
        const responseFormat = { ...request.responseFormat, type: 'json' as const, schema: schema.jsonSchema };
        const { answer, ...object } = await askForObject(turn, { ...request, responseFormat }, schema, record, signal, {
          heals: this.surroundings.heals,
          healed: ({ target }, heal, problems) =>
            this.emit('resilience.llm.healed', () => ({
              provider: target.options.name,
              model: target.options.model,
              heal,
              problems,
            })),
        });
        return { answer, result: resultOf({ ...answer, ...object }) };
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
