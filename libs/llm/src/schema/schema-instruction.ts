import type { JsonSchema } from '../llm.request.js';

/** For models that are not told the schema by the wire. */
export function schemaInstruction(schema: JsonSchema): string {
  return `Answer with JSON only, without any other text, that matches this JSON Schema:\n${JSON.stringify(schema)}`;
}

/** What a model is told about an answer that did not match. */
export function healInstruction(problems: readonly string[]): string {
  const list = problems.slice(0, 20).map((problem) => `- ${problem}`);
  return `Your answer cannot be used:\n${list.join('\n')}\nAnswer again with the whole corrected JSON and nothing else.`;
}
