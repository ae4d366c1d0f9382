import { segmentsOf } from './segments.js';

/** Longer texts are read from the start only: answering must stay a matter of milliseconds. */
const MAX_CHARACTERS = 100_000;

/** Milliseconds of work after which others have their turn. */
const SLICE_MS = 20;

/** What a text consists of. Each is made once: a schema may ask for it for each of its fields. */
export class ReadText {
  private readonly start: string;
  private made: {
    words?: readonly string[];
    wordSet?: ReadonlySet<string>;
    sentences?: readonly Sentence[];
    contentWords?: ReadonlyMap<string, number>;
  } = {};

  constructor(readonly text: string) {
    this.start = text.slice(0, MAX_CHARACTERS);
  }

  /** A text that was read already stays so. */
  static of(text: string | ReadText): ReadText {
    return typeof text === 'string' ? new ReadText(text) : text;
  }

  /** Reads a text with turns for others in between: of a long one each step takes a tenth of a second. */
  static async read(text: string): Promise<ReadText> {
    const read = new ReadText(text);
    read.made.words = await inTurns(wordsIn(read.start));
    read.made.sentences = await inTurns(sentencesIn(read.start));
    return read;
  }

  get words(): readonly string[] {
    return (this.made.words ??= [...wordsIn(this.start)]);
  }

  get wordSet(): ReadonlySet<string> {
    return (this.made.wordSet ??= new Set(this.words));
  }

  get sentences(): readonly Sentence[] {
    return (this.made.sentences ??= [...sentencesIn(this.start)]);
  }

  /** Content words and how often they occur, most frequent first, ties in order of appearance. */
  get contentWords(): ReadonlyMap<string, number> {
    return (this.made.contentWords ??= contentWords(this.words));
  }
}

export interface Sentence {
  readonly text: string;
  readonly words: readonly string[];
}

async function inTurns<T>(items: Iterable<T>): Promise<T[]> {
  const all: T[] = [];
  let turn = performance.now() + SLICE_MS;
  for (const item of items) {
    all.push(item);
    if (performance.now() < turn) continue;
    await new Promise((resolve) => setImmediate(resolve));
    turn = performance.now() + SLICE_MS;
  }
  return all;
}

/** Lower-case words in the order of the text. */
export function wordsOf(text: string): string[] {
  return [...wordsIn(text.slice(0, MAX_CHARACTERS))];
}

function* wordsIn(text: string): Generator<string> {
  for (const { segment, isWordLike } of segmentsOf(text, 'word')) if (isWordLike === true) yield segment.toLowerCase();
}

/** Sentences with their inner white space folded; a line break that separates blocks ends a sentence too. */
function* sentencesIn(text: string): Generator<Sentence> {
  for (const block of text.split(/\n\s*\n|\n(?=\s*[-*\d])/)) {
    for (const { segment } of segmentsOf(block.replace(/\s+/g, ' '), 'sentence')) {
      const sentence = segment.trim();
      if (sentence !== '') yield { text: sentence, words: [...wordsIn(sentence)] };
    }
  }
}

/** The first sentence of a text. */
export function firstSentence(text: string): string | undefined {
  for (const sentence of sentencesIn(text.slice(0, MAX_CHARACTERS))) return sentence.text;
  return undefined;
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
