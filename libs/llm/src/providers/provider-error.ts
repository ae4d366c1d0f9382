import { ResilienceError } from '@nest-resilience/core';
import { messageOf } from '../llm.errors.js';

/** What is thrown for what a client library threw, or for what a provider said inside its stream. */
export function providerError(thrown: unknown): unknown {
  const own = ownCause(thrown);
  if (own !== undefined) return own;
  if (typeof thrown !== 'object' || thrown === null) return new Error(String(thrown));
  // The mere object of an error event: as a cause it keeps its code and type.
  const event = 'stack' in thrown ? eventIn(thrown) : thrown;
  if (event !== undefined) return new Error(messageOf(event), { cause: event });
  withoutPrompt(thrown);
  return thrown;
}

/** What an event said for which the client library has made up a status: that of the answer was 200. */
function eventIn(error: object): object | undefined {
  const { data, responseHeaders } = error as SdkError;
  if (responseHeaders?.['content-type']?.includes('text/event-stream') !== true) return undefined;
  return data?.error ?? data;
}

interface SdkError {
  readonly data?: object & { readonly error?: object };
  readonly responseHeaders?: Readonly<Record<string, string>>;
}

/** Wrappers that are looked into: a chain of causes may lead back to itself. */
const MAX_CAUSES = 10;

/** An error of ours that the client library has wrapped. */
function ownCause(error: unknown): ResilienceError | undefined {
  let link = error;
  for (let depth = 0; depth < MAX_CAUSES && typeof link === 'object' && link !== null; depth++) {
    if (link instanceof ResilienceError) return link;
    link = (link as { cause?: unknown }).cause;
  }
  return undefined;
}

/** Errors travel into events, logs and dead letters, where nobody expects the text of the request. */
function withoutPrompt(error: object): void {
  if ('requestBodyValues' in error) error.requestBodyValues = undefined;
}
