import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Inject, Injectable, Optional } from '@nestjs/common';
import { option, ResilienceOptionsError, ResilienceService } from '@nest-resilience/core';
import { LLM_SHARED_LIMITS, type SharedLimits } from '../chain/shared-limits.js';
import { estimateTokens, tokensOf } from '../chain/token-limit.js';
import { LlmService } from '../llm.service.js';
import { LEFT_OUT, MODEL, PROVIDER } from '../model/told.js';
import type { ResolvedLlmOptions, ResolvedTarget } from '../options/resolved-options.js';
import type { ModelAnswer, ModelCall } from '../providers/model-call.js';
import { usageOf } from '../providers/read-answer.js';
import { chatAnswer } from './chat-answer.js';
import { chatStream } from './chat-stream.js';
import { ENDPOINT, isOf, refuseUnknownModels, type ResolvedEndpoint } from './endpoint.options.js';
import { badRequest, OpenAiProblem } from './openai-problem.js';
import type { Json } from './read-body.js';
import { openAiOptions, readChat } from './read-chat.js';
import { embeddingsAnswer, readEmbeddings } from './read-embeddings.js';
import { type Team, Teams } from './teams.js';

/** The whole chain, in its order. */
const AUTO = 'auto';
/** Kinds that understand what is passed on by its name. */
const OPENAI_WIRES: readonly string[] = ['openai', 'openai-compatible', 'ollama'];

type Headers = Readonly<Record<string, string>>;
type Ended = Pick<ModelAnswer, 'usage'>;
type Target = Pick<ResolvedTarget, 'name' | 'model' | 'kind'>;

export interface Answer<T> {
  readonly headers: Headers;
  readonly body: T;
}

/** What the routes of the endpoint do, without HTTP. */
@Injectable()
export class LlmEndpoint {
  private readonly teams: Teams;

  constructor(
    @Inject(LlmService) private readonly llm: LlmService,
    @Inject(ResilienceService) private readonly resilience: ResilienceService,
    @Optional() @Inject(LLM_SHARED_LIMITS) shared?: SharedLimits,
  ) {
    this.teams = new Teams(resilience.clock, shared);
    const at = new option.Place('LlmModule');
    refuseUnknownModels(this.options, at);
    at.finish();
  }

  get maxBodyBytes(): number {
    return this.endpoint.maxBodyBytes;
  }

  /** @throws OpenAiProblem 401 */
  team(authorization: string | undefined): Team {
    return this.teams.of(authorization, this.endpoint);
  }

  models(team: Team): Json {
    const ids = this.allTargets()
      .filter((target) => isOf(target, team.models))
      .flatMap(({ name, model }) => [
        { id: model, owned_by: name },
        { id: `${name}:${model}`, owned_by: name },
      ]);
    const all = [{ id: AUTO, owned_by: 'nest-resilience' }, ...ids];
    const once = all.filter(({ id }, index) => all.findIndex((other) => other.id === id) === index);
    return { object: 'list', data: once.map((model) => ({ ...model, object: 'model', created: 0 })) };
  }

  model(team: Team, id: string): Json {
    const all = this.models(team)['data'] as readonly Json[];
    const found = all.find((model) => model['id'] === id);
    if (found === undefined) throw unknownModel(id);
    return found;
  }

  async chat(team: Team, body: Json, signal: AbortSignal): Promise<Answer<Json | Readable>> {
    const { call, passedOn, ...request } = readChat(body);
    const model = this.find(request.model, (name) => this.llm.model(name, { only: team.models }));
    const tokens = estimateTokens(call.prompt, call.maxOutputTokens);
    const settle = await this.book(team, tokens);
    const asked: ModelCall = { ...call, abortSignal: signal, providerOptions: this.optionsFor(team, passedOn) };
    const id = `chatcmpl-${randomUUID()}`;
    const created = Math.floor(this.resilience.clock.epochNow() / 1000);
    try {
      if (request.stream) {
        const { stream: parts, response } = await model.doStream(asked);
        const headers = this.headersOf(response?.headers, passedOn);
        const head = { id, created, model: headers[MODEL] ?? '' };
        return { headers, body: chatStream({ head, includeUsage: request.includeUsage, parts, finished: settle }) };
      }
      const answer = await model.doGenerate(asked);
      settle(answer);
      const headers = this.headersOf(answer.response?.headers, passedOn);
      return { headers, body: chatAnswer({ id, created, model: headers[MODEL] ?? '' }, answer) };
    } catch (error) {
      settle(undefined);
      throw error;
    }
  }

  async embeddings(team: Team, body: Json, signal: AbortSignal): Promise<Answer<Json>> {
    const request = readEmbeddings(body);
    const { values, dimensions, passedOn } = request;
    const model = this.find(request.model, (name) => this.llm.embedding(name, { only: team.models }));
    const own = this.options.embeddings.find((one) => one.dimensions !== undefined)?.dimensions;
    if (dimensions !== undefined && dimensions !== own)
      throw badRequest('dimensions', `The vectors of this endpoint have ${own ?? 'the length of its models'}.`);
    const tokens = tokensOf(values.reduce((sum, text) => sum + text.length, 0));
    const settle = await this.book(team, tokens);
    try {
      const providerOptions = this.optionsFor(team, passedOn);
      const answer = await model.doEmbed({ values, abortSignal: signal, providerOptions });
      const used = answer.usage?.tokens ?? tokens;
      settle({ usage: inputOf(used) });
      const headers = this.headersOf(answer.response?.headers, passedOn);
      return { headers, body: embeddingsAnswer(headers[MODEL] ?? '', request, answer.embeddings, used) };
    } catch (error) {
      settle(undefined);
      throw error;
    }
  }

  private get options(): ResolvedLlmOptions {
    return this.llm.options;
  }

  private get endpoint(): ResolvedEndpoint {
    return this.options.endpoint ?? ENDPOINT.fallback;
  }

  private allTargets(): readonly Target[] {
    return [...this.options.targets, ...this.options.embeddings];
  }

  private find<M>(model: string, find: (name: string | undefined) => M): M {
    try {
      return find(model === AUTO ? undefined : model);
    } catch (error) {
      throw error instanceof ResilienceOptionsError ? unknownModel(model) : error;
    }
  }

  /** @returns corrects the booking; a call that failed used nothing */
  private async book(team: Team, tokens: number): Promise<(ended: Ended | undefined) => void> {
    const settle = await team.book(tokens);
    return (ended) => settle(ended ? usageOf(ended.usage).totalTokens : 0);
  }

  /** For the chain, and for each target of OpenAI's wire under the name that its client library reads. */
  private optionsFor({ name: tenant }: Team, passedOn: Json): NonNullable<ModelCall['providerOptions']> {
    const resilience = { tenant };
    if (Object.keys(passedOn).length === 0) return { resilience };
    const compatible = this.allTargets().filter(({ kind }) => kind !== 'openai' && OPENAI_WIRES.includes(kind));
    const openai = openAiOptions(passedOn);
    // That library renames some, and hands on the others as they are.
    return Object.fromEntries([
      ...compatible.map(({ name }) => [name, { ...passedOn, ...openai }]),
      ['openai', openai],
      ['resilience', resilience],
    ]) as NonNullable<ModelCall['providerOptions']>;
  }

  /** Of all that the answer came with, what is said of the chain. What a target has no place for is named, not dropped in silence. */
  private headersOf(headers: Headers = {}, passedOn: Json): Headers {
    const told = Object.entries(headers).filter(([name]) => name.startsWith('x-resilience-'));
    const served = this.allTargets().find(({ name }) => name === headers[PROVIDER]);
    const unknown = served && OPENAI_WIRES.includes(served.kind) ? [] : Object.keys(passedOn);
    const leftOut = [headers[LEFT_OUT], ...unknown].filter((one) => one !== undefined).join(', ');
    return { ...Object.fromEntries(told), ...(leftOut !== '' && { [LEFT_OUT]: leftOut }) };
  }
}

function inputOf(tokens: number): ModelAnswer['usage'] {
  return {
    inputTokens: { total: tokens, noCache: tokens, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 0, text: 0, reasoning: 0 },
  };
}

function unknownModel(model: string): OpenAiProblem {
  return new OpenAiProblem({
    status: 404,
    param: 'model',
    code: 'model_not_found',
    message: `The model '${model}' does not exist or your key may not ask it.`,
  });
}
