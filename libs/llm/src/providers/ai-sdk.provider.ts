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
  readonly providerOptions?: (jsonSchema: JsonSchema | undefined) => SdkProviderOptions;
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
    try {
      const answer = await model.doGenerate(this.sdkCall(request, signal));
      return {
        text: answer.content.map((part) => (part.type === 'text' ? part.text : '')).join(''),
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
    const listed = billed ? undefined : await listModels(this.setup, signal, this.model);
    if (listed?.kind === 'listed') return { kind: 'free', missing: listed.missing };
    if (!mayPay()) {
      if (listed?.refusal !== undefined) throw listed.refusal;
      return { kind: 'withheld' };
    }
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

  private sdkCall(request: ProviderRequest, signal: AbortSignal): SdkCall {
    const { jsonSchema } = request;
    const { structuredOutput, providerOptions } = this.setup;
    const describe = jsonSchema !== undefined && structuredOutput !== 'json-schema';
    const messages = describe
      ? [{ role: 'system' as const, content: schemaInstruction(jsonSchema) }, ...request.messages]
      : request.messages;
    const call: SdkCall = { prompt: messages.map(sdkMessage), abortSignal: signal };
    if (request.maxOutputTokens !== undefined) call.maxOutputTokens = request.maxOutputTokens;
    if (request.temperature !== undefined) call.temperature = request.temperature;
    if (jsonSchema !== undefined && structuredOutput === 'json-mode') call.responseFormat = { type: 'json' };
    if (jsonSchema !== undefined && structuredOutput === 'json-schema')
      call.responseFormat = { type: 'json', schema: jsonSchema };
    if (providerOptions !== undefined) call.providerOptions = providerOptions(jsonSchema);
    return call;
  }
}

function sdkMessage(message: LlmMessage): SdkCall['prompt'][number] {
  if (message.role === 'system') return { role: 'system', content: message.content };
  return { role: message.role, content: [{ type: 'text', text: message.content }] };
}

function usageOf(usage: SdkAnswer['usage']): ProviderAnswer['usage'] {
  const inputTokens = usage.inputTokens.total ?? 0;
  const outputTokens = usage.outputTokens.total ?? 0;
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
}

function finishReasonOf({ unified }: SdkAnswer['finishReason']): ProviderAnswer['finishReason'] {
  return unified === 'stop' || unified === 'length' || unified === 'content-filter' ? unified : 'other';
}
