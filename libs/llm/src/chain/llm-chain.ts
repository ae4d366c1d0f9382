import type { AnswerCache } from '../cache/answer-cache.js';
import type { Clock, EventSink } from '@nest-resilience/core';
import type { Budgets } from '../budget/budgets.js';
import type { Guards } from '../guard/guards.js';
import type { LlmEventMap } from '../llm.events.js';
import type { LlmMetrics } from '../llm.metrics.js';
import type { LlmRequest } from '../llm.request.js';
import type { LlmGuardRecord, LlmResult, LlmUsage } from '../llm.result.js';
import type { ModelRequest } from '../providers/model-call.js';
import type { ProviderAnswer } from '../providers/read-answer.js';
import { type AnswerSchema, answerSchema } from '../schema/answer-schema.js';
import { ask } from './ask.js';
import { type Asking, askInTurn } from './ask-in-turn.js';
import { balanced, type Balancing } from './balance.js';
import { CallRecord, type TryListener } from './call-record.js';
import { CallTargets, type Turn } from './call-targets.js';
import { askForObject } from './heal.js';
import type { ResolvedHedge } from './hedge.options.js';
import type { LlmTarget } from './llm-target.js';
import { reasonIn } from './reason.js';
import { expectedUsage, inputTokensOf } from './token-limit.js';

export interface ChainSurroundings {
  readonly clock: Clock;
  readonly events: EventSink;
  readonly metrics: LlmMetrics;
  readonly heals: number;
  /** Absent: always in the order of the chain. */
  readonly balance?: Pick<Balancing, 'by' | 'random'>;
  /** Absent: one target after the other. */
  readonly hedge?: ResolvedHedge | undefined;
  readonly tried: TryListener;
  /** Absent without any. */
  readonly guards?: Guards | undefined;
  /** Absent where none are kept. */
  readonly answers?: AnswerCache | undefined;
  /** What calls may cost; absent: whatever they do. */
  readonly budgets?: Pick<Budgets, 'of'>;
}

/** What a call, streamed or not, needs on its way along the chain. */
export interface ChainCall {
  readonly record: CallRecord;
  readonly targets: CallTargets;
}

/** What is sent, as far as its way along the chain depends on it. */
export interface ToSend {
  /** Absent where it is no conversation. */
  readonly request?: ModelRequest;
  readonly expected: LlmUsage;
  readonly stream?: boolean;
  /** Whose budget holds it, beside that of all calls. */
  readonly tenant?: string | undefined;
}

/** What of a call does not reach a model. */
export type CallSettings<T> = Pick<LlmRequest<T>, 'schema' | 'signal' | 'tenant' | 'cache'>;

/** @param signal of this turn */
type AskOne<A> = (turn: Turn, record: CallRecord, signal: AbortSignal | undefined) => Promise<A>;

type Answered = Parameters<CallRecord['result']>[2];

export interface Generated<A, T> {
  readonly answer: A;
  readonly result: LlmResult<T>;
}

/** Runs calls along a list of targets and tells what happened to them. */
export class LlmChain {
  /** @param surroundings may be changed; calls that run notice it where they next look */
  constructor(public surroundings: ChainSurroundings) {}

  /**
   * A whole answer, past the guards; one that is to match a schema is checked, and asked for again with what is wrong.
   * @throws LlmGuardError for what a guard refuses
   */
  async generate<T>(
    chain: readonly LlmTarget[],
    request: ModelRequest,
    call: CallSettings<T>,
  ): Promise<Generated<ProviderAnswer, T>> {
    const { guards, answers } = this.surroundings;
    const record: LlmGuardRecord[] = [];
    const prompt = guards && (await guards.before(request.prompt, call, record));
    const sent = prompt ? { ...request, prompt: [...prompt] } : request;
    const ask = () => this.ask<T>(chain, sent, call);
    const generated = await (answers ? answers.around(call, sent, chain, ask) : ask());
    return guards ? guards.after(generated, call, record) : generated;
  }

  /** What of a stream may be sent. @throws LlmGuardError for what a guard refuses */
  readyToStream(request: ModelRequest, record: LlmGuardRecord[]): ModelRequest {
    const prompt = this.surroundings.guards?.beforeStream(request.prompt, record);
    return prompt ? { ...request, prompt: [...prompt] } : request;
  }

  private async ask<T>(
    chain: readonly LlmTarget[],
    request: ModelRequest,
    { schema: wanted, signal, tenant }: CallSettings<T>,
  ): Promise<Generated<ProviderAnswer, T>> {
    const schema = wanted === undefined ? undefined : await answerSchema<T>(wanted);
    return this.run(chain, { ...this.toSend(request), signal, tenant }, async (turn, record, ofTurn) => {
      if (schema !== undefined) return this.askForObject(turn, request, schema, record, ofTurn);
      const { answer, opened } = await ask(turn, request, record, ofTurn);
      opened.ok(answer.usage);
      return answer;
    });
  }

  /** One call that is answered as a whole: asks one target after the other until one answers. */
  async run<A extends Answered, T>(
    chain: readonly LlmTarget[],
    { signal, ...toSend }: ToSend & { readonly signal: AbortSignal | undefined },
    askOne: AskOne<A & { readonly object?: T }>,
  ): Promise<Generated<A, T>> {
    const { record, targets } = this.begin(chain, toSend);
    try {
      signal?.throwIfAborted();
      const ask = (turn: Turn, ofTurn: AbortSignal | undefined) => askOne(turn, record, ofTurn);
      const { turn, answer } = await askInTurn(targets, { ...this.asking(record, toSend.expected), signal, ask });
      const result = record.result<T>(turn.target, turn.fallbackLevel, answer);
      this.completed(result, false);
      return { answer, result };
    } catch (error) {
      this.failed(error, record, { stream: false, signal });
      throw error;
    } finally {
      targets.left();
    }
  }

  toSend(request: ModelRequest): ToSend {
    return { request, expected: expectedUsage(inputTokensOf(request.prompt), request.maxOutputTokens) };
  }

  /** What becomes of targets that are asked beside each other. */
  asking(record: CallRecord, expected: LlmUsage): Pick<Asking<never>, 'clock' | 'hedge' | 'joins' | 'lost'> {
    const { clock, hedge } = this.surroundings;
    return {
      ...{ clock, hedge },
      joins: ({ target, fallbackLevel }, beside) =>
        this.emit('resilience.llm.hedged', () => ({
          provider: target.options.name,
          model: target.options.model,
          fallbackLevel,
          beside: { provider: beside.target.options.name, model: beside.target.options.model },
        })),
      lost: ({ target }) => record.lost(target, expected),
    };
  }

  begin(chain: readonly LlmTarget[], { request, expected, tenant, stream = false }: ToSend): ChainCall {
    const { clock, tried, balance, budgets } = this.surroundings;
    const record = new CallRecord(request, clock, tried, budgets?.of(tenant)?.(expected));
    const targets = new CallTargets(
      balance ? balanced(chain, { ...balance, expected, stream }) : chain,
      expected.totalTokens,
      record,
      (from, { target, fallbackLevel }, reason, error) => {
        this.emit('resilience.llm.fell-back', () => ({
          from: { provider: from.options.name, model: from.options.model },
          to: { provider: target.options.name, model: target.options.model },
          fallbackLevel,
          reason,
          error,
        }));
      },
    );
    return { record, targets };
  }

  completed(result: LlmResult<unknown>, stream: boolean): void {
    this.surroundings.metrics.completed(result);
    this.emit('resilience.llm.completed', () => {
      const { text: _text, reasoning: _reasoning, object: _object, quality: _quality, ...facts } = result;
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

  private async askForObject<T>(
    turn: Turn,
    request: ModelRequest,
    schema: AnswerSchema<T>,
    record: CallRecord,
    signal: AbortSignal | undefined,
  ): Promise<ProviderAnswer & { readonly object?: T }> {
    const responseFormat = { ...request.responseFormat, type: 'json' as const, schema: schema.jsonSchema };
    const { answer, ...object } = await askForObject(turn, { ...request, responseFormat }, schema, record, signal, {
      heals: this.surroundings.heals,
      healed: ({ target: { options } }, heal, problems) => {
        const healed = { provider: options.name, model: options.model };
        this.surroundings.metrics.healed(healed);
        this.emit('resilience.llm.healed', () => ({ ...healed, heal, problems }));
      },
    });
    return { ...answer, ...object };
  }

  private emit<N extends keyof LlmEventMap>(name: N, payload: () => LlmEventMap[N]): void {
    const { events } = this.surroundings;
    if (events.listens(name)) events.emit(name, payload());
  }
}
