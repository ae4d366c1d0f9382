import { Fields } from './fields.js';
import { badRequest } from './openai-problem.js';
import type { Json } from './read-body.js';

/** As many as OpenAI takes. */
const MOST_INPUTS = 2048;

export interface EmbeddingsRequest {
  readonly model: string;
  readonly values: string[];
  readonly base64: boolean;
  readonly dimensions: number | undefined;
  readonly passedOn: Json;
}

/** Reads the body of `POST /embeddings`. @throws OpenAiProblem 400 that names the field */
export function readEmbeddings(body: Json): EmbeddingsRequest {
  const fields = new Fields(body);
  const model = fields.required('model', fields.text('model'));
  const input = fields.required('input', fields.any('input'));
  const values = typeof input === 'string' ? [input] : (fields.list('input') ?? []);
  if (!values.every((text) => typeof text === 'string' && text !== ''))
    throw badRequest(
      'input',
      "'input' must be a text or a list of texts, none of them empty; tokens are those of one vendor.",
    );
  if (values.length === 0 || values.length > MOST_INPUTS)
    throw badRequest('input', `'input' must have 1 to ${MOST_INPUTS} texts, not ${values.length}.`);
  const format = fields.text('encoding_format') ?? 'float';
  if (format !== 'float' && format !== 'base64')
    throw badRequest('encoding_format', "'encoding_format' must be float or base64.");
  const dimensions = fields.whole('dimensions', 1);
  const user = fields.text('user');
  fields.end();
  return {
    model,
    values: values as string[],
    base64: format === 'base64',
    dimensions,
    passedOn: user === undefined ? {} : { user },
  };
}

/** The answer of `POST /embeddings`. */
export function embeddingsAnswer(
  model: string,
  { base64 }: EmbeddingsRequest,
  embeddings: readonly (readonly number[])[],
  tokens: number,
): Json {
  const data = embeddings.map((vector, index) => ({
    object: 'embedding',
    index,
    embedding: base64 ? Buffer.from(new Float32Array(vector).buffer).toString('base64') : vector,
  }));
  return { object: 'list', data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}
