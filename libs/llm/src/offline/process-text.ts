import { classify } from './classify.js';
import { keywords, summarize } from './extract.js';
import type { OfflineTask } from './task.js';
import { wordsOf } from './words.js';

const CHARACTERS_PER_TOKEN = 4;
/** Less than this cannot be summarised, nor does it have keywords. */
const MIN_WORDS = 4;

/** Does what the instruction names, as far as words can be counted: classify, keywords, upper case, else a summary. */
export function processText({ instruction, text }: OfflineTask, maxOutputTokens?: number): string {
  const labels = labelsIn(instruction);
  if (labels.length > 1) return classify(text, labels) ?? '';
  const answer = /\bkey ?(?:words?|phrases?)\b|\btags?\b|\btopics?\b/i.test(instruction)
    ? keywords(text).join(', ')
    : '';
  if (answer !== '') return cut(answer, maxOutputTokens);
  if (/\bupper-?case\b|\bcapital letters\b/i.test(instruction) || wordsOf(text).length < MIN_WORDS) {
    return cut(text.toUpperCase(), maxOutputTokens);
  }
  return cut(summarize(text), maxOutputTokens);
}

const CHOICES = [
  /\b(?:one of|either|labels?|categories|classes)\b\s*:?\s*([^.\n]+)/i,
  /\bclassify (?:it |this |the \w+ )?as\b\s*:?\s*([^.\n]+)/i,
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
  return text.length <= limit ? text : text.slice(0, limit).replace(/\s+\S*$/, '');
}
