import { LLM_MODULE } from '../llm.options.js';
import type { JsonSchema } from '../llm.request.js';

const { required: _required, ...options } = LLM_MODULE.schema as JsonSchema;

/** The JSON Schema of files with options of `LlmModule`, also published as `schema/llm.schema.json`. None of them must be given there. */
export const LLM_FILE_SCHEMA: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Models of nest-resilience',
  description: "Options of LlmModule. A text 'env:NAME' stands for the variable of that name.",
  ...options,
};
