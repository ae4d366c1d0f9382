import type { LlmMessage } from '../llm.request.js';

/** A request taken apart: what to do, and to what. */
export interface OfflineTask {
  readonly instruction: string;
  readonly text: string;
}

/** An instruction is short; a longer first paragraph is already the text. */
const MAX_INSTRUCTION_CHARACTERS = 400;

/**
 * Finds the text inside a prompt: what stands in quotes, fences or tags, else what follows a short first paragraph or line
 * that ends with a colon, else everything.
 */
export function readTask(messages: readonly (LlmMessage & { readonly content: string })[]): OfflineTask {
  const system = messages.filter((message) => message.role === 'system').map((message) => message.content);
  // A later turn may be a remark about an earlier answer; the first one holds the matter.
  const prompt = messages.find((message) => message.role === 'user')?.content ?? '';
  const { instruction, text } = splitPrompt(prompt.trim());
  return { instruction: [...system, instruction].filter((part) => part !== '').join('\n'), text };
}

function splitPrompt(prompt: string): OfflineTask {
  const found = delimited(prompt, /"""([\s\S]+?)"""/) ?? delimited(prompt, /```\w*\n([\s\S]+?)```/) ?? tagged(prompt);
  if (found) return found;
  const boundary = /\n\s*\n|:[ \t]*\n|:[ \t]+/.exec(prompt);
  if (boundary !== null && boundary.index > 0 && boundary.index <= MAX_INSTRUCTION_CHARACTERS) {
    const text = prompt.slice(boundary.index + boundary[0].length).trim();
    const instruction = prompt.slice(0, boundary.index).trim();
    if (text !== '' && looksLikeInstruction(instruction)) return { instruction, text };
  }
  return { instruction: '', text: prompt };
}

const TASK_WORDS =
  /\b(summar\w*|tl;?dr|shorten|condense|keywords?|tags?|topics?|classif\w*|categor\w*|label\w*|extract\w*|upper-?case|capitals?|rewrite|translate|explain|answer|analy[sz]e|decide|describe|read|return|write|list|give|find|is this|what)\b/i;

/** "Re: your order" is text, "Summarise this: ..." is an instruction. */
function looksLikeInstruction(paragraph: string): boolean {
  return TASK_WORDS.test(paragraph);
}

function delimited(prompt: string, pattern: RegExp): OfflineTask | undefined {
  const match = pattern.exec(prompt);
  return match?.[1] === undefined ? undefined : around(prompt, match.index, match[0].length, match[1]);
}

/** The first tag that is closed. Closing tags are looked up, not searched from each opening one anew. */
function tagged(prompt: string): OfflineTask | undefined {
  const closings = new Map<string, number>();
  for (const { 1: name = '', index } of prompt.matchAll(/<\/(\w[\w-]*)>/g)) closings.set(name, index);
  for (const { 0: tag, 1: name = '', index } of prompt.matchAll(/<(\w[\w-]*)>/g)) {
    const from = index + tag.length;
    if ((closings.get(name) ?? -1) <= from) continue;
    const to = prompt.indexOf(`</${name}>`, from + 1);
    return around(prompt, index, to + name.length + 3 - index, prompt.slice(from, to));
  }
  return undefined;
}

function around(prompt: string, start: number, length: number, inside: string): OfflineTask {
  const instruction = `${prompt.slice(0, start)} ${prompt.slice(start + length)}`.trim();
  return { instruction, text: inside.trim() || inside };
}
