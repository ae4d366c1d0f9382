import { classify } from './classify.js';
import { keywords, summarize } from './extract.js';
import type { OfflineTask } from './task.js';
import { ReadText } from './words.js';

const CHARACTERS_PER_TOKEN = 4;
/** Less than this cannot be summarised, nor does it have keywords. */
const MIN_WORDS = 4;

/** Does what the instruction names, as far as words can be counted: classify, keywords, upper case, else a summary. */
export function processText(
  { instruction, text }: OfflineTask,
  maxOutputTokens?: number,
  read = new ReadText(text),
): string {
  const labels = labelsIn(instruction.slice(0, MAX_INSTRUCTION));
  if (labels.length > 1) return classify(read, labels) ?? '';
  const answer = /\bkey ?(?:words?|phrases?)\b|\btags?\b|\btopics?\b/i.test(instruction)
    ? keywords(read).join(', ')
    : '';
  if (answer !== '') return cut(answer, maxOutputTokens);
  if (/\bupper-?case\b|\bcapital letters\b/i.test(instruction) || read.words.length < MIN_WORDS) {
    return cut(text.toUpperCase(), maxOutputTokens);
  }
  return cut(summarize(read), maxOutputTokens);
}

/** Characters of an instruction that are searched for choices. */
const MAX_INSTRUCTION = 4_000;

const CHOICES = [
  /\b(?:one of|either|labels?|categories|classes)\b[\s:]*([^.\n]+)/i,
  /\bclassify (?:it |this |the \w+ )?as\b[\s:]*([^.\n]+)/i,
];

/** The choices of "classify as one of: a, b or c". */
function labelsIn(instruction: string): string[] {
  const match = CHOICES.map((pattern) => pattern.exec(instruction)).find((found) => found !== null);
  if (match?.[1] === undefined) return [];
  return match[1]
    .split(/\s*,\s*(?:or\s+)?|\s+or\s+|\s*[|/]\s*/)
    .map((label) => label.replace(/^["'`(]+|["'`):]+$/g, '').trim())
    .filter((label) => label !== '' && label.length <= 40);
}

function cut(text: string, maxOutputTokens: number | undefined): string {
  const limit = maxOutputTokens === undefined ? Infinity : maxOutputTokens * CHARACTERS_PER_TOKEN;
  if (text.length <= limit) return text;
  // At a word's end. A pattern for this would search from each white space anew.
  let end = limit;
  while (end > 0 && !/\s/.test(text.charAt(end - 1))) end--;
  return text.slice(0, end === 0 ? limit : end).trimEnd();
}
