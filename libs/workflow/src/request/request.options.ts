import { option } from '@nest-resilience/core';
import { type AllowedDestination, readDestination } from './destination.js';

const OPTIONS = option.options({
  /**
   * Private destinations that may be called all the same: a host name (`archive.internal`, `*.svc.local`), an address or a range
   * (`127.0.0.1`, `10.1.0.0/16`, `[::1]`), each also with a port (`localhost:8080`). A name allows private and loopback addresses
   * only; link-local ones, where clouds keep their credentials, must be listed as an address.
   * @default none
   */
  allow: option.custom<readonly string[], readonly AllowedDestination[]>(readAllow, { fallback: [] }),
  /** The whole request with all redirects, until the last byte of the answer. @default '30s' */
  timeout: option.duration(30_000, { min: 1 }),
  /** Bytes of an answer's body. @default 1_048_576 */
  maxBytes: option.whole(1_048_576, { min: 1 }),
  /** Each is checked like a first request. 0 takes a redirect for the answer. @default 5 */
  maxRedirects: option.whole(5, { min: 0, max: 20 }),
});

/** What the requests of `http` nodes may do. A workflow file cannot widen it. */
export interface RequestOptions extends option.OptionsOf<typeof OPTIONS.spec> {}

export const DEFAULT_REQUEST_OPTIONS = OPTIONS.default;

/** Durations in milliseconds. */
export type ResolvedRequestOptions = option.ResolvedOf<typeof OPTIONS.spec>;

/** @throws ResilienceOptionsError with every problem at once */
export function readRequestOptions(options: RequestOptions | undefined): ResolvedRequestOptions {
  return option.read(OPTIONS, options, 'WorkflowModule > requests');
}

function readAllow(value: unknown, at: option.Place): AllowedDestination[] {
  return [value].flat().flatMap((entry) => {
    const destination = typeof entry === 'string' ? readDestination(entry) : undefined;
    if (!destination)
      at.refuse(entry, "host names, addresses or ranges such as 'archive.internal', '10.1.0.0/16' or 'localhost:8080'");
    return destination ?? [];
  });
}
