/**
 * What the simulated models say. They read the prompt and answer from its words, so every mail gets its own answer and the
 * demo can be judged against the true labels; how well they judge is no claim about any real model.
 */

const SPAM_WORDS =
  /\b(free|adv|viagra|mortgage|insurance rates?|satisfy|babes|adult|porn|xxx|casino|winner|you won|earn \$|per week|income|guarantee|unsubscribe here|click here|act now|limited time|opt[- ]?(in|out)|removed? from (our|this|future)|credit cards?|debt|investors?|stock pick|lose weight|hgh|herbal|enlarge|clearance sale|lowest|nigeria|million (us )?dollars|business opportunity|domain (names?|registration)|refinance|toner|confidential)\b/gi;
const NEWSLETTER_WORDS =
  /\b(newsletter|digest|headlines|this week|in this issue|your subscription|daily update|weekly)\b/gi;
const WORK_WORDS =
  /\b(patch|bug|rpm|perl|kernel|cvs|release|deploy|server|config|meeting|deadline|install|linux|spamassassin)\b/gi;
const PERSONAL_WORDS = /\b(lunch|dinner|family|weekend|holiday|friend|beer|party|love|mum|dad)\b/gi;

/** @param {string} prompt the text of all messages @returns {{ json: object } | { text: string }} */
export function answerTo(prompt) {
  // What to do stands before the mail; a mail about "classified ads" asks for nothing.
  const [task, mail = task] = prompt.split('<mail>');
  if (/\bclassify\b/i.test(task)) return { json: classify(fieldsOf(mail)) };
  if (/\bdraft\b/i.test(task)) return { text: draft(fieldsOf(mail)) };
  return { text: summarise(fieldsOf(mail)) };
}

function fieldsOf(mail) {
  const field = (name) => mail.match(new RegExp(`^${name}: *(.*)$`, 'm'))?.[1]?.trim() ?? '';
  const [, ...body] = mail.replace('</mail>', '').split(/^Body:$/m);
  return { from: field('From'), subject: field('Subject'), body: body.join('Body:').trim() };
}

function classify({ subject, body }) {
  const text = `${subject} ${subject} ${body}`;
  const hits = (words) => new Set((text.match(words) ?? []).map((word) => word.toLowerCase())).size;
  const scores = {
    spam: hits(SPAM_WORDS) + (/[!$#]{2}|\s{6}\S+$/.test(subject) ? 2 : 0),
    newsletter: hits(NEWSLETTER_WORDS) * 1.5,
    work: hits(WORK_WORDS) + (/^re:|^\[/i.test(subject) ? 1 : 0),
    personal: hits(PERSONAL_WORDS),
  };
  const [category, score] = Object.entries(scores).sort(([, a], [, b]) => b - a)[0];
  if (score === 0) return { category: 'other', confidence: 0.4, reason: 'no word tells' };
  const total = Object.values(scores).reduce((sum, value) => sum + value, 0);
  return {
    category,
    confidence: Number((score / total).toFixed(2)),
    reason: `${score} of ${total} telling words speak for ${category}`,
  };
}

function summarise({ subject, body }) {
  const sentence =
    body
      .replaceAll(/\s+/g, ' ')
      .match(/[^.!?]{20,200}[.!?]/)?.[0]
      ?.trim() ?? body.slice(0, 120).trim();
  return `${subject || 'A mail without subject'}: ${sentence}`;
}

function draft({ from, subject }) {
  const name = from.replace(/<.*>/, '').replaceAll('"', '').trim().split(' ')[0] || 'there';
  return `Hello ${name},\n\nthank you for your mail about "${subject}". I have read it and will come back to you by tomorrow.\n`;
}
