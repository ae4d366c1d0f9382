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
