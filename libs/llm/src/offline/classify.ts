import { ReadText, wordsOf } from './words.js';

/** Words that speak for a label. Small on purpose: this stands in for a model during an outage, it does not compete with one. */
const EVIDENCE: Readonly<Record<string, string>> = {
  spam: 'spam free winner won win prize lottery click unsubscribe viagra casino bitcoin crypto investment guaranteed offer discount limited urgent claim cash loan miracle password verify inheritance',
  phishing: 'verify password account suspended click login urgent confirm security bank credentials',
  positive:
    'good great excellent love loved thanks thank happy pleased perfect wonderful amazing recommend best fast helpful',
  negative:
    'bad terrible awful hate broken refund disappointed angry poor worst slow late damaged complaint unacceptable never',
  urgent: 'urgent asap immediately emergency critical outage down deadline today now blocked',
  high: 'urgent asap immediately emergency critical outage down deadline blocked severe',
  low: 'whenever someday minor cosmetic eventually typo later',
  complaint: 'complaint refund disappointed angry unacceptable broken damaged late wrong terrible',
  question: 'how what when where why who which can could question wondering help',
  invoice: 'invoice due payable net billing remit vat payment terms',
  receipt: 'receipt paid total subtotal tax change cash card visa mastercard purchase thank',
  order: 'order ordered shipment shipping delivery tracking dispatched',
  billing: 'invoice billing charge charged payment refund subscription card price',
  technical: 'error bug crash exception install login broken server api timeout stack',
  sales: 'price pricing quote demo buy purchase discount trial contract',
};

/** Labels that promise the least, best first: chosen when nothing speaks for any other. */
const NEUTRAL = [
  'neutral',
  'unknown',
  'unclear',
  'other',
  'none',
  'not_spam',
  'not-spam',
  'ham',
  'legitimate',
  'normal',
  'medium',
  'general',
  'no',
];

/** Fewer pieces of evidence than this are an accident: one "free" makes no spam. */
const MIN_EVIDENCE = 2;

/** How many distinct words of the text speak for a label; the label's own words weigh double. */
export function evidenceFor(label: string, text: ReadonlySet<string>): number {
  const parts = wordsOf(label.replace(/[_-]+/g, ' ').replace(/([a-z])([A-Z])/g, '$1 $2'));
  // "not_spam" is no spam: evidence for the part would speak for its opposite.
  if (parts.some((part) => part === 'not' || part === 'non' || part === 'no')) return 0;
  let score = 0;
  for (const part of parts) {
    if (text.has(part)) score += 2;
    for (const word of EVIDENCE[part]?.split(' ') ?? []) if (word !== part && text.has(word)) score += 1;
  }
  return score;
}

/** The label with the most evidence in the text, else a neutral one, else the first. */
export function classify(text: string | ReadText, labels: readonly string[]): string | undefined {
  const words = ReadText.of(text).wordSet;
  let best: string | undefined;
  let bestScore = MIN_EVIDENCE - 1;
  for (const label of labels) {
    const score = evidenceFor(label, words);
    if (score > bestScore) {
      best = label;
      bestScore = score;
    }
  }
  return best ?? labels.find((label) => NEUTRAL.includes(label.toLowerCase())) ?? labels[0];
}

/** Whether the text speaks for what a yes-or-no field asks, e.g. `isSpam`. */
export function speaksFor(label: string, text: ReadText): boolean {
  const asked = label.replace(/^(?:is|has|was|should|needs?)(?=[A-Z_-])/, '');
  return evidenceFor(asked, text.wordSet) >= MIN_EVIDENCE;
}
