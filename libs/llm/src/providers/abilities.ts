import type { LlmProviderOptions } from '../options/provider.options.js';
import { schemaInstruction } from '../schema/schema-instruction.js';
import type { ModelRequest } from './model-call.js';

type StructuredOutput = NonNullable<LlmProviderOptions['structuredOutput']>;

/** What a model is asked for instead of what it does not know. */
const LESS: Readonly<Record<StructuredOutput, StructuredOutput | undefined>> = {
  'json-schema': 'json-mode',
  'json-mode': 'prompt',
  prompt: undefined,
};

/** Settings without which an answer is still an answer, by the names that the wires have for them. */
const SETTINGS = {
  temperature: ['temperature'],
  topP: ['top_p', 'topp'],
  topK: ['top_k', 'topk'],
  presencePenalty: ['presence_penalty', 'presencepenalty'],
  frequencyPenalty: ['frequency_penalty', 'frequencypenalty'],
  seed: ['seed', 'random_seed'],
  stopSequences: ['stop', 'stop_sequences', 'stopsequences'],
  maxOutputTokens: ['max_tokens', 'maxtokens', 'max_output_tokens'],
} as const;
type Setting = keyof typeof SETTINGS;

/** How vendors say that they do not know, or do not want, what they were sent. */
const COMPLAINT =
  /unsupported|n[o']t (?:currently )?support|not (?:permitted|allowed|available|recogni[sz]ed|a valid field|implemented)|unavailable|extra inputs|extra_forbidden|additional properties|unknown (?:name|field|parameter|argument|key)|unrecogni[sz]ed|unexpected (?:keyword|property|field)|deprecated|only the default|cannot both be|incompatible/;
const FORMAT =
  /response[_ ]?format|json[_ ]?(?:schema|mode|object)|structured[_ ]?output|output[_ ](?:format|config)|guided[_ ]|grammar/;
const OF_THE_FORMAT = /must be|should be|expected|invalid (?:type|value)/;
/** It knows schemas, only not this one. */
const OF_THE_SCHEMA = /invalid schema|invalid_json_schema/;

/** As the client libraries of the AI SDK throw it. */
interface Refusal {
  readonly statusCode?: number;
  readonly message?: string;
  readonly responseBody?: string;
}

/** What one model understands. It starts with what is configured and forgets what the vendor refused. */
export class Abilities {
  private readonly refused = new Set<Setting>();

  constructor(private structuredOutput: StructuredOutput) {}

  /** The request in the way that the model understands. */
  told(request: ModelRequest): ModelRequest {
    const { responseFormat } = request;
    const plain = this.refused.size === 0 ? request : this.withoutRefused(request);
    if (this.structuredOutput === 'json-schema' || responseFormat?.type !== 'json') return plain;
    const { responseFormat: _format, ...rest } = plain;
    const format = this.structuredOutput === 'json-mode' ? { responseFormat: { type: 'json' as const } } : {};
    if (responseFormat.schema === undefined) return { ...rest, ...format };
    const instruction = schemaInstruction(responseFormat.schema as Readonly<Record<string, unknown>>);
    return { ...rest, ...format, prompt: [{ role: 'system', content: instruction }, ...request.prompt] };
  }

  /** Settings of the request that do not reach the model. */
  leftOut(request: ModelRequest): readonly string[] {
    return [...this.refused].filter((setting) => request[setting] !== undefined);
  }

  /** @returns whether the same request will now be said in another way */
  learn(request: ModelRequest, error: unknown): boolean {
    const { statusCode, message, responseBody = '' } = Object(error) as Refusal;
    if (statusCode !== 400 && statusCode !== 422) return false;
    const text = `${message} ${responseBody}`.toLowerCase();
    const less = LESS[this.structuredOutput];
    const complains = COMPLAINT.test(text);
    if (
      request.responseFormat?.type === 'json' &&
      less !== undefined &&
      FORMAT.test(text) &&
      !OF_THE_SCHEMA.test(text)
    ) {
      if (!complains && !OF_THE_FORMAT.test(text)) return false;
      this.structuredOutput = less;
      return true;
    }
    const setting = complains ? this.firstNamed(request, text) : undefined;
    if (setting !== undefined) this.refused.add(setting);
    return setting !== undefined;
  }

  private firstNamed(request: ModelRequest, text: string): Setting | undefined {
    const sent = (Object.keys(SETTINGS) as Setting[]).filter(
      (setting) => request[setting] !== undefined && !this.refused.has(setting),
    );
    const placeOf = (setting: Setting) => text.search(new RegExp(`\\b(?:${SETTINGS[setting].join('|')})\\b`));
    const named = sent.map((setting) => ({ setting, at: placeOf(setting) })).filter(({ at }) => at !== -1);
    return named.sort((a, b) => a.at - b.at)[0]?.setting;
  }

  private withoutRefused(request: ModelRequest): ModelRequest {
    return Object.fromEntries(
      Object.entries(request).filter(([name]) => !this.refused.has(name as Setting)),
    ) as ModelRequest;
  }
}
