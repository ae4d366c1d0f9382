/** What the framework says of a body that it does not hand on; the same on Express and Fastify. */
export interface RefusedBody {
  readonly status: 400 | 413 | 415;
  readonly code: 'RESILIENCE_BODY_MALFORMED' | 'RESILIENCE_BODY_TOO_LARGE' | 'RESILIENCE_BODY_UNSUPPORTED';
  readonly title: string;
  readonly detail: string;
}

const KINDS = {
  400: { code: 'RESILIENCE_BODY_MALFORMED', title: 'The body cannot be read' },
  413: { code: 'RESILIENCE_BODY_TOO_LARGE', title: 'The body is too large' },
  415: { code: 'RESILIENCE_BODY_UNSUPPORTED', title: 'The body is of a kind that is not read here' },
} as const;

/**
 * Reads an error of Express' body parsers (`type: 'entity.too.large'`) or of Fastify's (`code: 'FST_ERR_CTP_BODY_TOO_LARGE'`),
 * also behind the `HttpException` that Nest makes of it.
 * @returns undefined for any other error
 */
export function refusedBody(error: unknown): RefusedBody | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { statusCode, status = statusCode, type, code, name, message, limit, cause } = error as Record<string, unknown>;
  const parsed =
    (typeof type === 'string' && PARSER_TYPE.test(type)) ||
    (typeof code === 'string' && code.startsWith('FST_ERR_CTP_')) ||
    name === 'SyntaxError';
  if (!parsed) return cause === undefined ? undefined : refusedBody(cause);
  const kind = KINDS[status as keyof typeof KINDS] as (typeof KINDS)[keyof typeof KINDS] | undefined;
  if (kind === undefined) return undefined;
  const most = typeof limit === 'number' ? `${limit} bytes` : 'the limit';
  const detail =
    status === 413 ? `The body is larger than ${most} of this application's body parser.` : String(message);
  return { status: status as RefusedBody['status'], ...kind, detail };
}

/** Of the package `body-parser`, which names what went wrong in this way. */
const PARSER_TYPE = /^(entity|charset|encoding|request|stream|parameters|querystring)\./;
