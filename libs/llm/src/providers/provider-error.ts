import { ResilienceError } from '@nest-resilience/core';
import { messageOf } from '../llm.errors.js';

/** What is thrown for what a client library threw, or for what a provider said inside its stream. */
export function providerError(thrown: unknown): unknown {
  const own = ownCause(thrown);
  if (own !== undefined) return own;
  if (typeof thrown !== 'object' || thrown === null) return new Error(String(thrown));
  // The mere object of an error event: as a cause it keeps its code and type.
  if (!('message' in thrown && 'stack' in thrown)) return new Error(messageOf(thrown), { cause: thrown });
  withoutPrompt(thrown);
  return thrown;
}

/** An error of ours that the client library has wrapped. */
function ownCause(error: unknown): ResilienceError | undefined {
  for (let link = error; typeof link === 'object' && link !== null; link = (link as { cause?: unknown }).cause) {
    if (link instanceof ResilienceError) return link;
  }
  return undefined;
}

/** Errors travel into events, logs and dead letters, where nobody expects the text of the request. */
function withoutPrompt(error: object): void {
  if ('requestBodyValues' in error) error.requestBodyValues = undefined;
}
