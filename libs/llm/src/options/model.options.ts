import type { EmbeddingModel, LanguageModel } from 'ai';
import { option } from '@nest-resilience/core';
import { COST } from '../prices/cost.options.js';

/** A model as the provider packages of `ai` 6 and 7 make it: `azure('gpt-4o')`, `bedrock('...')`, `google('...')`. */
export type LlmSdkModel = Exclude<LanguageModel, string>;

/** The same for vectors: `openai.embeddingModel('text-embedding-3-small')`. */
export type LlmSdkEmbeddingModel = Exclude<EmbeddingModel, string>;

const MODEL_ALLOWED = "the model's name, e.g. 'gpt-4o-mini', or a model of the AI SDK 6 or 7, e.g. azure('gpt-4o')";

/** A name, or an object with these methods. */
export function modelOption<M extends AnySdkModel>(methods: readonly string[], allowed: string) {
  const read = (value: unknown, at: option.Place): string | M | undefined => {
    if (option.isText(value)) return value;
    const { specificationVersion: version, modelId } = Object(value) as Partial<AnySdkModel>;
    const has = (method: string) => typeof (Object(value) as Record<string, unknown>)[method] === 'function';
    const isModel = option.isText(modelId) && methods.every(has);
    if (isModel && ['v3', 'v4'].includes(String(version))) return value as M;
    return at.refuse(isModel ? `a model of specification ${version}` : value, allowed);
  };
  return option.required(
    option.custom<string | M, string | M>(read, { fallback: '', schema: { type: 'string', minLength: 1 } }),
    allowed,
  );
}

export type AnySdkModel = LlmSdkModel | LlmSdkEmbeddingModel;

/** Its name, whatever it was given as. */
export function modelName(model: string | AnySdkModel): string {
  return typeof model === 'string' ? model : model.modelId;
}

export const MODEL = option.options({
  /** A name, or a model object of the AI SDK, which needs no `kind`. */
  model: modelOption<LlmSdkModel>(['doGenerate', 'doStream'], MODEL_ALLOWED),
  cost: option.orNone(COST),
  /** 0..1, your own judgement: reported with the answers, and what `minQuality` of a call asks for. */
  quality: option.number(undefined, { min: 0, max: 1 }),
  /** Tokens the model can read; a text too long for one target goes on only to a larger one. */
  contextWindow: option.whole(undefined, { min: 1 }),
});

/** A further model of the same provider. */
export interface LlmModelOptions extends option.OptionsOf<typeof MODEL.spec> {}
