import { ReadText, type Sentence } from './words.js';

/**
 * The sentences that carry the most frequent content words, in the order of the text (the frequency summary of H. P. Luhn,
 * "The Automatic Creation of Literature Abstracts", IBM Journal 2(2), 1958, without his clusters).
 */
export function summarize(text: string | ReadText, maxSentences = 3): string {
  const { sentences, contentWords: frequency } = ReadText.of(text);
  if (sentences.length <= maxSentences) return sentences.map(({ text: sentence }) => sentence).join(' ');
  const scored = sentences.map((sentence, index) => ({ sentence, index, score: scoreOf(sentence, frequency) }));
  const best = scored.sort((a, b) => b.score - a.score || a.index - b.index).slice(0, maxSentences);
  return best
    .sort((a, b) => a.index - b.index)
    .map(({ sentence }) => sentence.text)
    .join(' ');
}

/** The square root keeps a long sentence from winning by its length alone, and a short one by a single frequent word. */
function scoreOf({ words }: Sentence, frequency: ReadonlyMap<string, number>): number {
  if (words.length === 0) return 0;
  const distinct = new Set(words);
  let sum = 0;
  for (const word of distinct) sum += frequency.get(word) ?? 0;
  return sum / Math.sqrt(words.length);
}

/** The most frequent content words. */
export function keywords(text: string | ReadText, max = 8): string[] {
  return [...ReadText.of(text).contentWords.keys()].slice(0, max);
}
