/** A message whose content is a text, or parts of which some have one. */
export interface Message {
  readonly content: unknown;
}

/** A text of a conversation: one that is said, one that was only thought, or one that goes to a tool or comes from it. */
export interface Text {
  readonly text: string;
  readonly what: 'text' | 'thought' | 'tool';
}

/** Gives what stands in the place of a text. */
type Exchange = (text: string, what: Text['what']) => string;
type Fields = Readonly<Record<string, unknown>>;

/** All texts of a conversation, in order. Of the values that tools are given and give: names, texts and numbers, each by itself. */
export function textsOf(messages: readonly Message[]): Text[] {
  const found: Text[] = [];
  const note: Exchange = (text, what) => {
    found.push({ text, what });
    return text;
  };
  for (const { content } of messages) exchangeContent(content, note);
  return found;
}

/** The same conversation with other texts in their places. */
export function withTexts<M extends Message>(messages: readonly M[], texts: readonly string[]): readonly M[] {
  const next = texts.values();
  const other: Exchange = (text) => next.next().value ?? text;
  return messages.map((message) => ({ ...message, content: exchangeContent(message.content, other) }));
}

function exchangeContent(content: unknown, by: Exchange): unknown {
  if (typeof content === 'string') return by(content, 'text');
  return Array.isArray(content) ? content.map((part: unknown) => exchangePart(part, by)) : content;
}

function exchangePart(part: unknown, by: Exchange): unknown {
  if (!isFields(part)) return part;
  const { type, text, input, output, result, reason } = part;
  if (typeof text === 'string') return { ...part, text: by(text, type === 'reasoning' ? 'thought' : 'text') };
  if (typeof reason === 'string') return { ...part, reason: by(reason, 'text') };
  if (input !== undefined) return { ...part, input: exchangeInput(input, by) };
  if (output !== undefined) return { ...part, output: exchangeOutput(output, by) };
  return result === undefined ? part : { ...part, result: exchangeValue(result, by) };
}

/** A model gives it as JSON, which stays as it is where nothing changes. */
function exchangeInput(input: unknown, by: Exchange): unknown {
  if (typeof input !== 'string') return exchangeValue(input, by);
  let value: unknown;
  try {
    value = JSON.parse(input);
  } catch {
    return by(input, 'tool');
  }
  const exchanged = JSON.stringify(exchangeValue(value, by));
  return exchanged === JSON.stringify(value) ? input : exchanged;
}

function exchangeOutput(output: unknown, by: Exchange): unknown {
  if (!isFields(output)) return exchangeValue(output, by);
  const { type, value, reason } = output;
  if (typeof reason === 'string') return { ...output, reason: by(reason, 'tool') };
  if (type === 'content') return { ...output, value: exchangeContent(value, (text) => by(text, 'tool')) };
  return value === undefined ? output : { ...output, value: exchangeValue(value, by) };
}

function exchangeValue(value: unknown, by: Exchange): unknown {
  if (typeof value === 'string') return by(value, 'tool');
  if (typeof value === 'number') {
    const digits = String(value);
    const exchanged = by(digits, 'tool');
    return exchanged === digits ? value : exchanged;
  }
  if (Array.isArray(value)) return value.map((one: unknown) => exchangeValue(one, by));
  if (!isFields(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [by(name, 'tool'), exchangeValue(one, by)]));
}

/** Bytes, dates and addresses are none. */
function isFields(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false;
  const made: unknown = Object.getPrototypeOf(value);
  return made === Object.prototype || made === null;
}
