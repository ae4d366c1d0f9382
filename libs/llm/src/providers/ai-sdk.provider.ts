import type { LanguageModel } from 'ai';
import { LlmInvalidAnswerError } from '../llm.errors.js';
import type { LlmProviderKind, LlmProviderOptions } from '../llm.options.js';
import type { JsonSchema, LlmMessage } from '../llm.request.js';
import { schemaInstruction } from '../schema/schema-instruction.js';
import { providerError } from './provider-error.js';
import { listModels, type ModelListing } from './model-listing.js';
import type {
  LlmProvider,
  ProviderAnswer,
  ProviderCall,
  ProviderCheck,
  ProviderCheckCall,
  ProviderRequest,
  ProviderStreamPart,
} from './provider.js';

/** A model as the AI SDK's provider packages make it. */
export type SdkModel = Extract<LanguageModel, { specificationVersion: 'v3' }>;
type SdkCall = Parameters<SdkModel['doGenerate']>[0];
type SdkAnswer = Awaited<ReturnType<SdkModel['doGenerate']>>;
type SdkProviderOptions = NonNullable<SdkCall['providerOptions']>;

export interface AiSdkProviderSetup {
  readonly name: string;
  readonly kind: LlmProviderKind;
  readonly model: string;
  readonly fetch: typeof fetch;
  /** Called once, at the first use. */
  readonly load: () => Promise<SdkModel>;
  readonly listing: ModelListing;
  readonly structuredOutput: NonNullable<LlmProviderOptions['structuredOutput']>;
  /** Of a vendor that takes only some schemas, and what the answer has to be freed of. */
  readonly shape?: (jsonSchema: JsonSchema) => {
    readonly schema: JsonSchema;
    readonly unwrap: (text: string) => string;
    readonly providerOptions: SdkProviderOptions;
  };
}

/**
 * A provider on the Vercel AI SDK. It calls the model's own interface (`doGenerate`, `doStream`), below the functions of `ai`
 * that retry: one call here is one request on the wire.
 */
export class AiSdkProvider implements LlmProvider {
  readonly name: string;
  readonly kind: LlmProviderKind;
  readonly model: string;
  private loading: Promise<SdkModel> | undefined;

  constructor(private readonly setup: AiSdkProviderSetup) {
    this.name = setup.name;
    this.kind = setup.kind;
    this.model = setup.model;
  }

  async complete(request: ProviderRequest, { signal }: ProviderCall): Promise<ProviderAnswer> {
    const model = await this.sdkModel();
    const shaped = request.jsonSchema && this.setup.shape?.(request.jsonSchema);
    try {
      const answer = await model.doGenerate(this.sdkCall(request, signal, shaped));
      const text = answer.content.map((part) => (part.type === 'text' ? part.text : '')).join('');
      return {
        text: shaped?.unwrap(text) ?? text,
        usage: usageOf(answer.usage),
        finishReason: finishReasonOf(answer.finishReason),
      };
    } catch (error) {
      throw providerError(error);
    }
  }

  async *stream(request: ProviderRequest, { signal }: ProviderCall): AsyncGenerator<ProviderStreamPart> {
    const model = await this.sdkModel();
    try {
      const { stream, response } = await model.doStream(this.sdkCall(request, signal));
      let empty = true;
      for await (const part of stream) {
        // An overloaded provider may say so inside a stream that began with status 200.
        if (part.type === 'error') throw part.error;
        if (part.type === 'text-delta' && part.delta !== '') {
          empty = false;
          yield { type: 'text', text: part.delta };
        } else if (part.type === 'finish') {
          // The client library ends every stream so; only a provider that was done said why.
          if (!part.finishReason.raw) break;
          empty = false;
          yield { type: 'finish', usage: usageOf(part.usage), finishReason: finishReasonOf(part.finishReason) };
        }
      }
      if (empty) this.refuseOtherThanEvents(response?.headers?.['content-type']);
    } catch (error) {
      throw providerError(error);
    }
  }

  async check({ signal, billed = false, mayPay }: ProviderCheckCall): Promise<ProviderCheck> {
    if (!billed && (await listModels(this.setup, signal))) return { kind: 'free' };
    if (!mayPay()) return { kind: 'withheld' };
    const ping = { messages: [{ role: 'user', content: 'ping' } as const], maxOutputTokens: 1 };
    const { usage } = await this.complete(ping, { signal });
    return { kind: 'paid', usage };
  }

  /** Looked at only when nothing came of it: there are servers that send events under another name. */
  private refuseOtherThanEvents(contentType: string | undefined): void {
    if (contentType === undefined || contentType.includes('text/event-stream')) return;
    const problems = [`the answer is ${contentType}, not a stream of events`];
    throw new LlmInvalidAnswerError(this.name, this.model, problems, '');
  }

  private sdkModel(): Promise<SdkModel> {
    this.loading ??= this.setup.load();
    return this.loading;
  }

  private sdkCall(
    request: ProviderRequest,
    signal: AbortSignal,
    shaped?: ReturnType<NonNullable<AiSdkProviderSetup['shape']>>,
  ): SdkCall {
    const { jsonSchema } = request;
    const { structuredOutput } = this.setup;
    const describe = jsonSchema !== undefined && structuredOutput !== 'json-schema';
    const messages = describe
      ? [{ role: 'system' as const, content: schemaInstruction(jsonSchema) }, ...request.messages]
      : request.messages;
    const call: SdkCall = { prompt: messages.map(sdkMessage), abortSignal: signal };
    if (request.maxOutputTokens !== undefined) call.maxOutputTokens = request.maxOutputTokens;
    if (request.temperature !== undefined) call.temperature = request.temperature;
    if (jsonSchema !== undefined && structuredOutput === 'json-mode') call.responseFormat = { type: 'json' };
    if (jsonSchema !== undefined && structuredOutput === 'json-schema')
      call.responseFormat = { type: 'json', schema: shaped?.schema ?? jsonSchema };
    if (shaped !== undefined) call.providerOptions = shaped.providerOptions;
    return call;
  }
}

function sdkMessage(message: LlmMessage): SdkCall['prompt'][number] {
  if (message.role === 'system') return { role: 'system', content: message.content };
  return { role: message.role, content: [{ type: 'text', text: message.content }] };
}

function usageOf(usage: SdkAnswer['usage']): ProviderAnswer['usage'] {
  const { total: inputTokens = 0, cacheRead, cacheWrite } = usage.inputTokens;
  const { total: outputTokens = 0, reasoning } = usage.outputTokens;
  return {
    ...{ inputTokens, outputTokens, totalTokens: inputTokens + outputTokens },
    ...(cacheRead ? { cachedInputTokens: cacheRead } : {}),
    ...(cacheWrite ? { cacheWriteTokens: cacheWrite } : {}),
    ...(reasoning ? { reasoningTokens: reasoning } : {}),
  };
}

function finishReasonOf({ unified }: SdkAnswer['finishReason']): ProviderAnswer['finishReason'] {
  return unified === 'stop' || unified === 'length' || unified === 'content-filter' ? unified : 'other';
}
