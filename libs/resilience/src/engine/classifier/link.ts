import { bodiesOf } from './bodies.js';
import { type Fields, objectIn, read, textOf } from './fields.js';
import { headersOf } from './headers.js';

/** Longer texts are cut before words are looked for. */
const MAX_TEXT = 2000;
/** What is longer is a text, no code. */
const MAX_TOKEN = 100;
const TOKENS = ['code', 'type', 'status', 'reason', 'error', 'errorCode', 'error_code'];
const MESSAGES = [
  ...['message', 'detail', 'error_description', 'msg', 'error', 'block_reason', 'title'],
  ...['error_msg', 'status_msg'],
];
/** What only the body of a failure has. */
const ERRORS = ['error', 'errors', 'error_code', 'error_msg', 'status_code'];
/** Fields whose presence says something, whatever they hold. */
const FLAGS = ['flagged_input'];

/** One error of a chain of wrappers. What costs something to read is read when it is asked for, and once. */
export class Link {
  /** Others of the list that it came from, when a wrapper holds several. */
  siblings: readonly Link[] | undefined = undefined;
  private knownHeaders: ReadonlyMap<string, string> | undefined = undefined;
  private knownBodies: readonly Fields[] | undefined = undefined;
  private knownTokens: readonly string[] | undefined = undefined;
  private knownWords: string | undefined = undefined;
  private knownStatus: number | undefined | null = null;

  readonly name: string | undefined;
  /** As it is: a text of the vendor's, or a number that means something else to each client. */
  readonly code: unknown;

  constructor(readonly fields: Fields) {
    this.name = textOf(fields, 'name');
    this.code = read(fields, 'code');
  }

  has(name: string): boolean {
    return read(this.fields, name) !== undefined;
  }

  text(name: string): string | undefined {
    return textOf(this.fields, name);
  }

  number(name: string): number | undefined {
    const value = read(this.fields, name);
    return typeof value === 'number' ? value : undefined;
  }

  get message(): string {
    return (this.text('message') ?? '').slice(0, MAX_TEXT).toLowerCase();
  }

  get headers(): ReadonlyMap<string, string> {
    return (this.knownHeaders ??= headersOf(this.fields, this.bodies));
  }

  get bodies(): readonly Fields[] {
    return (this.knownBodies ??= bodiesOf(this.fields));
  }

  /** Codes and types that it and its body carry, in lower case. */
  get tokens(): readonly string[] {
    return (this.knownTokens ??= this.readTokens());
  }

  /** Codes and messages in lower case, for statuses that mean several things. */
  get words(): string {
    return (this.knownWords ??= this.readWords());
  }

  /** Whether its body tells of an error, whatever the status says. */
  get tellsOfError(): boolean {
    return this.bodies.some((body) => ERRORS.some((name) => read(body, name)));
  }

  /** Of the answer; of the error in its body where the answer itself was called a success, or no status is known. */
  get status(): number | undefined {
    if (this.knownStatus === null) {
      const own = httpStatusOf(this.fields);
      const inner = own === undefined || own < 300 ? this.statusInside() : undefined;
      this.knownStatus = inner ?? own;
    }
    return this.knownStatus;
  }

  private readTokens(): string[] {
    const found: string[] = [];
    const note = (token: string | undefined): void => {
      if (token !== undefined && token.length < MAX_TOKEN) found.push(token.toLowerCase());
    };
    note(this.text('code'));
    note(this.text('type'));
    note(this.text('error'));
    for (const body of this.bodies) {
      for (const name of TOKENS) note(textOf(body, name));
      for (const name of FLAGS) if (read(body, name) !== undefined) note(name);
    }
    return found;
  }

  private readWords(): string {
    let words = this.tokens.join(' ');
    const note = (text: string | undefined): void => {
      if (text !== undefined) words += ` ${text.slice(0, MAX_TEXT)}`;
    };
    for (const body of this.bodies) for (const name of MESSAGES) note(textOf(body, name));
    note(this.text('responseBody'));
    note(textOf(objectIn(this.fields, 'response'), 'data'));
    note(this.text('message'));
    return words.toLowerCase();
  }

  private statusInside(): number | undefined {
    for (const body of this.bodies) {
      const status = failing(read(body, 'code')) ?? failing(read(body, 'status')) ?? failing(read(body, 'statusCode'));
      if (status !== undefined) return status;
    }
    // A number of MongoDB's or gRPC's is no status.
    return this.has('codeName') || this.has('metadata') || this.has('errorLabels') ? undefined : failing(this.code);
  }
}

/** `status`, `statusCode`, `response.status`, AWS's `$metadata.httpStatusCode`, Nest's `getStatus()`. */
export function httpStatusOf(error: Fields): number | undefined {
  const response = objectIn(error, 'response');
  const candidates = [
    read(error, 'status'),
    read(error, 'statusCode'),
    read(response, 'status'),
    read(response, 'statusCode'),
    read(objectIn(error, '$metadata'), 'httpStatusCode'),
  ];
  for (const candidate of candidates) if (isHttpStatus(candidate)) return candidate;
  const getStatus = read(error, 'getStatus');
  if (typeof getStatus !== 'function') return undefined;
  try {
    const status: unknown = (getStatus as () => unknown).call(error);
    return isHttpStatus(status) ? status : undefined;
  } catch {
    return undefined;
  }
}

function failing(value: unknown): number | undefined {
  const status = typeof value === 'string' && /^[45]\d\d$/.test(value) ? Number(value) : value;
  return isHttpStatus(status) && status >= 400 ? status : undefined;
}

function isHttpStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 100 && value <= 599;
}
