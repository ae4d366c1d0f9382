import { segmentsOf } from './segments.js';

/** Longer texts are read from the start only: answering must stay a matter of milliseconds. */
const MAX_CHARACTERS = 100_000;

/** What a text consists of. Each is made when it is first asked for, and once: a schema may ask for each of its fields. */
export class ReadText {
  private readonly start: string;
  private made: { words?: string[]; wordSet?: Set<string>; sentences?: string[]; content?: Map<string, number> } = {};

  constructor(readonly text: string) {
    this.start = text.slice(0, MAX_CHARACTERS);
  }

  /** A text that was read already stays so. */
  static of(text: string | ReadText): ReadText {
    return typeof text === 'string' ? new ReadText(text) : text;
  }

  get words(): readonly string[] {
    return (this.made.words ??= wordsOf(this.start));
  }

  get wordSet(): ReadonlySet<string> {
    return (this.made.wordSet ??= new Set(this.words));
  }

  get sentences(): readonly string[] {
    return (this.made.sentences ??= sentencesOf(this.start));
  }

  /** Content words and how often they occur, most frequent first, ties in order of appearance. */
  get contentWords(): ReadonlyMap<string, number> {
    return (this.made.content ??= contentWords(this.words));
  }
}

/** Lower-case words in the order of the text. */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const { segment, isWordLike } of segmentsOf(text.slice(0, MAX_CHARACTERS), 'word'))
    if (isWordLike === true) words.push(segment.toLowerCase());
  return words;
}

/** Sentences with their inner white space folded; a line break that separates blocks ends a sentence too. */
export function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  for (const block of text.slice(0, MAX_CHARACTERS).split(/\n\s*\n|\n(?=\s*[-*\d])/)) {
    for (const { segment } of segmentsOf(block.replace(/\s+/g, ' '), 'sentence')) {
      const sentence = segment.trim();
      if (sentence !== '') sentences.push(sentence);
    }
  }
  return sentences;
}

/** Words that say nothing about what a text is about. */
const STOP_WORDS = new Set(
  (
    'a about above after again against all also am an and any are as at be because been before being below between both but by can ' +
    'could did do does doing down during each few for from further had has have having he her here hers him his how i if in into is it ' +
    "its it's just me more most my no nor not now of off on once only or other our ours out over own please same she should so some such " +
    'than that the their theirs them then there these they this those through to too under until up us very was we were what when where ' +
    'which while who whom why will with would you your yours'
  ).split(' '),
);

function contentWords(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) {
    if (word.length < 3 || STOP_WORDS.has(word) || /^[\d.,]+$/.test(word)) continue;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return new Map([...counts].sort((a, b) => b[1] - a[1]));
}
