import type { IncomingAnswer } from './request.client.js';

/** The body as its content type says: JSON as a value, text as text, anything else as base64. */
export function parseBody({ url, status, headers, body }: IncomingAnswer): unknown {
  if (body.length === 0) return null;
  const [type = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';');
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity')
    throw unreadable(url, status, `it is encoded with ${encoding} although none was asked for`);
  const isJson = /^application\/(?:[\w.+-]+\+)?json$/.test(type.trim());
  const isText =
    type === '' || /^text\/|[/+]xml$|^application\/(?:x-www-form-urlencoded|javascript|yaml)$/.test(type.trim());
  if (!isJson && !isText) return body.toString('base64');
  const charset = parameters.map((one) => /^\s*charset="?([\w-]+)"?\s*$/.exec(one)?.[1]).find(Boolean) ?? 'utf-8';
  const text = decoderOf(charset).decode(body);
  if (!isJson) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw unreadable(url, status, (error as Error).message, error);
  }
}

/** With the status of the answer: the classifier takes it for an invalid output, which may be right the next time. */
function unreadable(url: string, status: number, reason: string, cause?: unknown): Error {
  const error = new Error(`The answer of ${url.split(/[?#]/)[0]} cannot be read: ${reason}`, { cause });
  return Object.assign(error, { status });
}

function decoderOf(charset: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}
