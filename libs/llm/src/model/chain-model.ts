import { AnswerStream } from '../chain/answer-stream.js';
import type { LlmChain } from '../chain/llm-chain.js';
import { goodEnough, type LlmTarget } from '../chain/llm-target.js';
import type { LlmResult } from '../llm.result.js';
import type { ProviderAnswer } from '../providers/read-answer.js';
import type { JsonSchema, LlmSchema } from '../llm.request.js';
import type { ModelCall, ModelContent, ModelPart, SdkModel } from '../providers/model-call.js';
import { option } from '@nest-resilience/core';
import { RecentMap } from '@nest-resilience/core/kit';
import { jsonSchema } from 'ai';
import { callSettings } from './call-settings.js';
import { servedHeaders, told } from './told.js';

const DOOR = 'LlmService.model()';

/** Schemas that are kept, because checks are made for one object, and `ai` makes a new one for every call. */
const SCHEMAS_KEPT = 100;

/**
 * The chain as a model of the AI SDK. Its version is the one of `ai` 6; `ai` 7 takes it as it is.
 * @param targets those of now
 * @param name what it calls itself, in logs and traces
 */
export function chainModel(chain: LlmChain, targets: () => readonly LlmTarget[], name: string): SdkModel {
  const schemas = new RecentMap<LlmSchema>(SCHEMAS_KEPT);
  const schemaOf = ({ responseFormat: format }: ModelCall): LlmSchema | undefined => {
    if (format?.type !== 'json' || format.schema === undefined) return undefined;
    const text = JSON.stringify(format.schema);
    const known = schemas.use(text) ?? jsonSchema(JSON.parse(text) as JsonSchema);
    schemas.set(text, known);
    return known;
  };
  const allowed = (asked: Parameters<typeof goodEnough>[1]) => {
    const at = new option.Place(DOOR);
    const good = goodEnough(targets(), asked, at);
    at.finish();
    return good;
  };
  return {
    specificationVersion: 'v3',
    provider: 'nest-resilience',
    modelId: name,
    // No target is known to fetch what another one can: files travel with the call.
    supportedUrls: {},
    async doGenerate(call) {
      const { abortSignal: signal, ...request } = call;
      const schema = schemaOf(call);
      const { degraded, minQuality, ...settings } = callSettings(call.providerOptions, DOOR);
      const asked = allowed({ schema, degraded, minQuality });
      const { answer, result } = await chain.generate(asked, request, { ...settings, schema, signal });
      const { source } = answer;
      return {
        ...source,
        content: contentOf(answer, result),
        finishReason: { ...source.finishReason, unified: answer.finishReason },
        providerMetadata: { ...source.providerMetadata, ...told(result) },
        response: { ...source.response, modelId: result.model, headers: headersOf(source, result) },
      };
    },
    async doStream({ abortSignal: signal, ...request }: ModelCall) {
      const { tenant, degraded, minQuality } = callSettings(request.providerOptions, DOOR);
      const schema = schemaOf(request);
      const asked = allowed({ schema, degraded, minQuality });
      const answer = new AnswerStream(chain, asked, request, { signal, tenant, schema }, withResult);
      const parts = answer[Symbol.asyncIterator]();
      const first = await parts.next();
      const { served } = answer;
      return { stream: streamOf(first, parts), ...(served && { response: { headers: servedHeaders(served) } }) };
    },
  };
}

/** What was checked is what is handed on: a model may have put its JSON between other words. */
function contentOf({ content }: ProviderAnswer, result: LlmResult<unknown>): ModelContent[] {
  if (result.object === undefined) return [...content];
  return [...content.filter(({ type }) => type !== 'text'), { type: 'text', text: JSON.stringify(result.object) }];
}

function headersOf({ response }: ProviderAnswer['source'], result: LlmResult): Record<string, string> {
  return { ...response?.headers, ...servedHeaders(result) };
}

function withResult(part: ModelPart, result?: LlmResult<string>): ModelPart {
  if (part.type !== 'finish' || result === undefined) return part;
  return {
    ...part,
    finishReason: { ...part.finishReason, unified: result.finishReason },
    providerMetadata: { ...part.providerMetadata, ...told(result) },
  };
}

function streamOf(
  first: IteratorResult<ModelPart, void>,
  parts: AsyncIterator<ModelPart, void>,
): ReadableStream<ModelPart> {
  let begun = false;
  return new ReadableStream<ModelPart>(
    {
      // Hot path, no async function: it costs a part as much again. See `npm run bench -- llm`.
      pull(controller) {
        const hand = ({ done, value }: IteratorResult<ModelPart, void>) => {
          if (done === true) controller.close();
          else controller.enqueue(value);
        };
        if (begun)
          return parts.next().then(hand, (error: unknown) => {
            // As the providers of the AI SDK do: what was read so far stays readable.
            controller.enqueue({ type: 'error', error });
            controller.close();
          });
        begun = true;
        return hand(first);
      },
      async cancel() {
        await parts.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
