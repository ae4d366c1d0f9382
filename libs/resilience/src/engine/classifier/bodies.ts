import { type Fields, fieldsOf, itemsOf, objectIn, read } from './fields.js';

/** Parts of an answer that are looked at, and the longest text that is taken for JSON. */
const MAX_BODIES = 24;
const MAX_JSON = 16_384;

/** Where clients keep the body of an answer: openai, ai, AWS and Azure, then axios, got, superagent. */
const OF_ERRORS = ['error', 'data', 'body', 'responseBody', 'extensions', 'meta'];
const OF_RESPONSES = ['data', 'body', 'text', 'parsedBody'];
/** What vendors nest in it. */
const WITHIN = [
  'error',
  'errors',
  'details',
  'extensions',
  'metadata',
  'parameters',
  'fault',
  'detail',
  'body',
  'base_resp',
];

/** The objects that an answer's body is made of, outermost first. */
export function bodiesOf(error: Fields): readonly Fields[] {
  const found: Fields[] = [];
  for (const name of OF_ERRORS) add(read(error, name), found);
  const response = objectIn(error, 'response');
  if (response !== undefined) for (const name of OF_RESPONSES) add(read(response, name), found);
  for (let index = 0; index < found.length && found.length < MAX_BODIES; index++) {
    for (const name of WITHIN) add(read(found[index], name), found);
  }
  return found;
}

function add(value: unknown, found: Fields[]): void {
  if (value === undefined || value === null || typeof value === 'function') return;
  const part = typeof value === 'string' ? parsed(value) : value;
  const list = itemsOf(part, 4) ?? [part];
  for (const item of list) {
    const fields = fieldsOf(item);
    if (fields !== undefined && found.length < MAX_BODIES && !found.includes(fields)) found.push(fields);
  }
}

function parsed(text: string): unknown {
  if (text.length > MAX_JSON || !/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
