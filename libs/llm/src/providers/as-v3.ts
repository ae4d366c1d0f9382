import type { ModelCall, ModelContent, ModelMessage, ModelPart, SdkModel } from './model-call.js';

/** A model of the AI SDK's next version, whose calls differ from ours in how they carry files. */
interface NextModel extends Pick<SdkModel, 'provider' | 'modelId' | 'supportedUrls'> {
  readonly specificationVersion: 'v4';
  doGenerate(call: unknown): ReturnType<SdkModel['doGenerate']>;
  doStream(call: unknown): ReturnType<SdkModel['doStream']>;
}

/** Every model of `ai` 6 and 7 as one that takes our calls; what it answers goes through {@link knownPart}. */
export function asV3(model: SdkModel | NextModel): SdkModel {
  if (model.specificationVersion === 'v3') return model;
  const { provider, modelId, supportedUrls } = model;
  return {
    specificationVersion: 'v3',
    provider,
    modelId,
    supportedUrls,
    doGenerate: (call) => model.doGenerate(callOf(call)),
    doStream: (call) => model.doStream(callOf(call)),
  };
}

function callOf(call: ModelCall): unknown {
  return { ...call, prompt: call.prompt.map(messageOf) };
}

function messageOf(message: ModelMessage): unknown {
  if (message.role === 'system') return message;
  const content = message.content.map((part) => {
    if (part.type === 'file') return { ...part, data: fileOf(part.data) };
    if (part.type !== 'tool-result' || part.output.type !== 'content') return part;
    return { ...part, output: { ...part.output, value: part.output.value.map(resultOf) } };
  });
  return { ...message, content };
}

type Source = Extract<ModelContent, { type: 'source' }>;
type Result = Extract<
  Extract<Exclude<ModelMessage['content'], string>[number], { type: 'tool-result' }>['output'],
  { type: 'content' }
>['value'][number];

function resultOf(part: Result): unknown {
  const { providerOptions } = part;
  const file = (data: object, mediaType: string) => ({ type: 'file', data, mediaType, providerOptions });
  switch (part.type) {
    case 'file-data':
    case 'image-data':
      return {
        ...file({ type: 'data', data: part.data }, part.mediaType),
        ...('filename' in part && { filename: part.filename }),
      };
    case 'file-url':
      return file({ type: 'url', url: new URL(part.url) }, part.mediaType ?? 'application/octet-stream');
    case 'image-url':
      return file({ type: 'url', url: new URL(part.url) }, 'image');
    case 'file-id':
    case 'image-file-id':
      return file(
        { type: 'reference', reference: part.fileId },
        part.type === 'file-id' ? 'application/octet-stream' : 'image',
      );
    default:
      return part;
  }
}

/** Files that a caller passed on from the next version have its form already. */
function fileOf(data: unknown): unknown {
  if (data instanceof URL) return { type: 'url', url: data };
  return typeof data === 'string' || data instanceof Uint8Array ? { type: 'data', data } : data;
}

/** Kinds of parts that our version has no name for, and that say nothing to a caller. */
const NEW_PARTS: ReadonlySet<string> = new Set(['custom', 'reasoning-file', 'ping']);

/** A part of an answer in the form of our version, or nothing where that has none. */
export function knownPart<P extends ModelPart | ModelContent>(part: P): P | Source | undefined {
  if (part.type !== 'file') return NEW_PARTS.has(part.type) ? undefined : part;
  const data = part.data as unknown;
  if (typeof data === 'string' || data instanceof Uint8Array) return part;
  const { url, data: bytes } = data as { readonly url?: URL; readonly data?: string | Uint8Array };
  return url === undefined
    ? { ...part, data: bytes }
    : { type: 'source', sourceType: 'url', id: url.href, url: url.href };
}
