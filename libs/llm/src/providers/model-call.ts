import type { EmbeddingModel, LanguageModel } from 'ai';

/** A model as the AI SDK's provider packages make it, and as {@link LlmService.model} is one. */
export type SdkModel = Extract<LanguageModel, { specificationVersion: 'v3' }>;
/** What such a model is asked. */
export type ModelCall = Parameters<SdkModel['doGenerate']>[0];
/** A call on its way along the chain; each attempt brings its own signal. */
export type ModelRequest = Omit<ModelCall, 'abortSignal'>;
export type ModelPrompt = ModelCall['prompt'];
export type ModelMessage = ModelPrompt[number];
/** A whole answer. */
export type ModelAnswer = Awaited<ReturnType<SdkModel['doGenerate']>>;
export type ModelContent = ModelAnswer['content'][number];
type ModelStream = Awaited<ReturnType<SdkModel['doStream']>>['stream'];
/** One part of a streamed answer. */
export type ModelPart = ModelStream extends ReadableStream<infer Part> ? Part : never;

/** A model that makes vectors of texts. */
export type SdkEmbeddingModel = Extract<EmbeddingModel, { specificationVersion: 'v3' }>;
