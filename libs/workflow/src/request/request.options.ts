import { type Duration, OptionsReader } from '@nest-resilience/core';
import { type AllowedDestination, readDestination } from './destination.js';

/** What the requests of `http` nodes may do. A workflow file cannot widen it. */
export interface RequestOptions {
  /**
   * Private destinations that may be called all the same: a host name (`archive.internal`, `*.svc.local`), an address or a range
   * (`127.0.0.1`, `10.1.0.0/16`, `[::1]`), each also with a port (`localhost:8080`). A name allows private and loopback addresses
   * only; link-local ones, where clouds keep their credentials, must be listed as an address.
   * @default none
   */
  readonly allow?: readonly string[];
  /** The whole request with all redirects, until the last byte of the answer. @default '30s' */
  readonly timeout?: Duration;
  /** Bytes of an answer's body. @default 1_048_576 */
  readonly maxBytes?: number;
  /** Each is checked like a first request. 0 takes a redirect for the answer. @default 5 */
  readonly maxRedirects?: number;
}

/** Durations in milliseconds. */
export interface ResolvedRequestOptions {
  readonly allow: readonly AllowedDestination[];
  readonly timeout: number;
  readonly maxBytes: number;
  readonly maxRedirects: number;
}

export const DEFAULT_REQUEST_OPTIONS = {
  timeout: 30_000,
  maxBytes: 1_048_576,
  maxRedirects: 5,
} as const satisfies RequestOptions;

const KNOWN = ['allow', 'timeout', 'maxBytes', 'maxRedirects'] as const;

/** @throws ResilienceOptionsError with every problem at once */
export function readRequestOptions(options: RequestOptions | undefined): ResolvedRequestOptions {
  const reader = new OptionsReader<RequestOptions>(options, 'WorkflowModule > requests', KNOWN);
  const { timeout, maxBytes, maxRedirects } = DEFAULT_REQUEST_OPTIONS;
  const resolved: ResolvedRequestOptions = {
    allow: readAllow(reader),
    timeout: reader.duration('timeout', timeout, { min: 1 }),
    maxBytes: reader.number('maxBytes', maxBytes, { min: 1, integer: true }),
    maxRedirects: reader.number('maxRedirects', maxRedirects, { min: 0, max: 20, integer: true }),
  };
  reader.finish();
  return resolved;
}

function readAllow(reader: OptionsReader<RequestOptions>): AllowedDestination[] {
  const value: unknown = reader.raw('allow') ?? [];
  const entries: unknown[] = Array.isArray(value) ? value : [value];
  return entries.flatMap((entry) => {
    const destination = typeof entry === 'string' ? readDestination(entry) : undefined;
    if (!destination)
      reader.problem(
        'allow',
        entry,
        "host names, addresses or ranges such as 'archive.internal', '10.1.0.0/16' or 'localhost:8080'",
      );
    return destination ?? [];
  });
}
