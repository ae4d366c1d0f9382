/** A message whose content is a text, or parts of which some have one. */
export interface Message {
  readonly content: unknown;
}

interface TextPart {
  readonly text: string;
}

/** All texts of a conversation, in order. */
export function textsOf(messages: readonly Message[]): string[] {
  return messages.flatMap(({ content }) => {
    if (typeof content === 'string') return [content];
    return Array.isArray(content) ? content.filter(isTextPart).map(({ text }) => text) : [];
  });
}

/** The same conversation with other texts in their places. */
export function withTexts<M extends Message>(messages: readonly M[], texts: readonly string[]): readonly M[] {
  const next = texts.values();
  const other = (text: string): string => next.next().value ?? text;
  return messages.map((message) => {
    const { content } = message;
    if (typeof content === 'string') return { ...message, content: other(content) };
    if (!Array.isArray(content)) return message;
    return {
      ...message,
      content: content.map((part: unknown) => (isTextPart(part) ? { ...part, text: other(part.text) } : part)),
    };
  });
}

function isTextPart(part: unknown): part is TextPart {
  return typeof part === 'object' && part !== null && 'text' in part && typeof part.text === 'string';
}
