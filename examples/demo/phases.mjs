/** What goes wrong, and when. Each phase sends its share of the mails; its faults stay until the next phase names them anew. */

/** Milliseconds between two mails, unless a phase says otherwise. */
export const MAIL_EVERY_MS = 150;

/** @type {{ title: string, mailEveryMs?: number, llm: { primary?: object, secondary?: object }, archiveDown?: boolean, deskDown?: boolean }[]} */
export const PHASES = [
  { title: 'everything healthy', llm: {} },
  {
    title: 'primary: 30 % 429, 10 % 500, 10 % dropped',
    llm: { primary: { rateLimit: 0.3, serverError: 0.1, drop: 0.1, retryAfterSeconds: 1 } },
  },
  { title: 'primary out, archive out', llm: { primary: { down: true } }, archiveDown: true },
  {
    title: 'secondary: malformed, cut off, hanging',
    llm: { secondary: { malformed: 0.2, badAnswer: 0.2, hang: 0.15 } },
  },
  { title: 'both models out, desk out', llm: { secondary: { down: true } }, deskDown: true },
  // Slower, so that most of these mails come after the circuits have tried again.
  { title: 'recovery', mailEveryMs: 350, llm: { primary: {}, secondary: {} } },
];
