import { LlmInvalidAnswerError } from '../llm.errors.js';
import type { LlmProviderKind, LlmProviderOptions } from '../options/provider.options.js';
import { Abilities } from './abilities.js';
import type { ApiKeys } from './api-keys.js';
import { listModels, type ModelListing } from './model-listing.js';
import type { ModelAnswer, ModelCall, ModelContent, ModelPart, ModelRequest, SdkModel } from './model-call.js';
import type { LlmProvider, ProviderCall, ProviderCheck, ProviderCheckCall } from './provider.js';
import { asV3 } from './as-v3.js';
import { PartReader } from './part-reader.js';
import { providerError } from './provider-error.js';
import { usageOf } from './read-answer.js';
import { sendOnce } from './wire/once-more.js';

type Unwrap = (text: string) => string;

interface Adjusted {
  readonly call: ModelCall;
  readonly unwrap?: Unwrap;
}

export interface AiSdkProviderSetup {
  readonly name: string;
  readonly kind: LlmProviderKind;
  readonly model: string;
  /** Called once, at the first use. */
  readonly load: () => Promise<SdkModel>;
  /** Where there are several. */
  readonly keys?: ApiKeys | undefined;
  /** Where its models are listed for nothing. */
  readonly listing?: { readonly listing: ModelListing; readonly fetch: typeof fetch };
  readonly structuredOutput: NonNullable<LlmProviderOptions['structuredOutput']>;
  /** What this kind adds to every call, and what the text of a whole answer has to be freed of then. */
  readonly adjust?: (call: ModelCall, isWhole: boolean) => Adjusted;
}

/**
 * A provider on the Vercel AI SDK. It calls the model's own interface (`doGenerate`, `doStream`), below the functions of `ai`
 * that retry: one call here is one request on the wire.
 */
export class AiSdkProvider implements LlmProvider {
  readonly name: string;
  readonly kind: LlmProviderKind;
  readonly model: string;
  private readonly abilities: Abilities;
  private loading: Promise<SdkModel> | undefined;

  constructor(private readonly setup: AiSdkProviderSetup) {
    this.name = setup.name;
    this.kind = setup.kind;
    this.model = setup.model;
    this.abilities = new Abilities(setup.structuredOutput);
  }

  async generate(request: ModelRequest, { signal }: ProviderCall): Promise<ModelAnswer> {
    const model = await this.sdkModel();
    try {
      const { call, unwrap } = this.sdkCall(request, signal, true);
      const answer = await model.doGenerate(call);
      refuseErrorInside(answer.response?.body);
      return unwrap === undefined
        ? answer
        : { ...answer, content: answer.content.map((part) => unwrapped(part, unwrap)) };
    } catch (error) {
      throw this.refused(error, signal);
    }
  }

  stream(request: ModelRequest, { signal }: ProviderCall): AsyncIterable<ModelPart> {
    const open = async () => (await this.sdkModel()).doStream(this.sdkCall(request, signal, false).call);
    const refuseEmpty = (contentType: string | undefined) => this.refuseOtherThanEvents(contentType);
    return { [Symbol.asyncIterator]: () => new PartReader(open, refuseEmpty, (error) => this.refused(error, signal)) };
  }

  adapt(request: ModelRequest, error: unknown): boolean {
    return this.setup.keys?.rotates(request, error) === true || this.abilities.learn(request, error);
  }

  leftOut(request: ModelRequest): readonly string[] {
    return this.abilities.leftOut(request);
  }

  /** With another key, when the account does not take the one in use. */
  async check(call: ProviderCheckCall): Promise<ProviderCheck> {
    for (;;) {
      try {
        return await this.checkOnce(call);
      } catch (error) {
        this.setup.keys?.failed(call.signal, error);
        if (this.setup.keys?.rotates(call, error) !== true) throw error;
      }
    }
  }

  private async checkOnce({ signal, billed = false, mayPay }: ProviderCheckCall): Promise<ProviderCheck> {
    const { listing } = this.setup;
    const listed = billed || listing === undefined ? undefined : await listModels(listing, signal, this.model);
    if (listed?.kind === 'listed') return { kind: 'free', missing: listed.missing };
    if (!mayPay()) {
      if (listed?.refusal !== undefined) throw listed.refusal;
      return { kind: 'withheld' };
    }
    const ping: ModelRequest = {
      prompt: [{ role: 'user', content: [{ type: 'text', text: 'ping' }] }],
      maxOutputTokens: 1,
    };
    const { usage } = await this.generate(ping, { signal: sendOnce(signal) });
    return { kind: 'paid', usage: usageOf(usage) };
  }

  /** Looked at only when nothing came of it: there are servers that send events under another name. */
  private refuseOtherThanEvents(contentType: string | undefined): void {
    if (contentType === undefined || contentType.includes('text/event-stream')) return;
    const problems = [`the answer is ${contentType}, not a stream of events`];
    throw new LlmInvalidAnswerError(this.name, this.model, problems, '');
  }

  private refused(thrown: unknown, signal: AbortSignal): unknown {
    const error = providerError(thrown);
    this.setup.keys?.failed(signal, error);
    return error;
  }

  private sdkModel(): Promise<SdkModel> {
    this.loading ??= this.setup.load().then(asV3);
    return this.loading;
  }

  private sdkCall(request: ModelRequest, signal: AbortSignal, isWhole: boolean): Adjusted {
    const { adjust } = this.setup;
    const call = { ...this.abilities.told(request), abortSignal: signal };
    return adjust?.(call, isWhole) ?? { call };
  }
}

/** Gateways that find out late answer with half an answer and, beside it, an error. @throws the error */
function refuseErrorInside(body: unknown): void {
  const { error, choices } = Object(body) as { error?: unknown; choices?: readonly { error?: unknown }[] };
  const inside = error || (Array.isArray(choices) ? (choices as readonly { error?: unknown }[])[0]?.error : undefined);

  if (inside) throw inside;
}

/** The one text of an answer that is JSON. */
function unwrapped(part: ModelContent, unwrap: Unwrap): ModelContent {
  return part.type === 'text' ? { ...part, text: unwrap(part.text) } : part;
}
