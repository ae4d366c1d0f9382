import type { ModelMessage, ModelPrompt } from '../providers/model-call.js';
import type { LlmMessage } from '../llm.request.js';

type Part = Exclude<ModelMessage['content'], string>[number];

/** The words of a prompt, without its files and its tools. */
export function textOf(prompt: ModelPrompt): { readonly role: LlmMessage['role']; readonly content: string }[] {
  return prompt.flatMap(({ role, content }) => {
    if (role === 'tool') return [];
    const text = typeof content === 'string' ? content : content.map(wordsOf).filter(Boolean).join('\n');
    return [{ role, content: text }];
  });
}

function wordsOf(part: Part): string {
  return part.type === 'text' ? part.text : '';
}

/** What an image or a file counts as: about what OpenAI and Anthropic charge for a picture of a screen. */
const CHARACTERS_OF_FILE = 4_000;

/** About how much there is to read for a model, in characters. */
export function charactersOf(prompt: ModelPrompt): number {
  let characters = 0;
  for (const { content } of prompt) {
    if (typeof content === 'string') characters += content.length;
    else for (const part of content) characters += sizeOf(part);
  }
  return characters;
}

function sizeOf(part: Part): number {
  switch (part.type) {
    case 'text':
    case 'reasoning':
      return part.text.length;
    case 'file':
      return CHARACTERS_OF_FILE;
    case 'tool-call':
      return JSON.stringify(part.input ?? '').length;
    case 'tool-result':
      return 'value' in part.output ? JSON.stringify(part.output.value).length : 0;
    default:
      return 0;
  }
}
