import type { Scope } from '../expression/expression.js';
import { textOf } from '../expression/text-of.js';
import type { Mapping } from '../expression/mapping.js';
import { UnusableValueError } from '../expression/unusable-value.error.js';
import type { CompiledHttp } from '../graph/definition.js';
import type { StepContext } from '../graph/step-context.js';
import { parseBody } from './parse-body.js';
import type { RequestClient } from './request.client.js';
import { RequestRefusedError, RequestStatusError } from './request.errors.js';

/** What an `http` node comes to. */
export interface HttpResult {
  readonly status: number;
  /** Names in lower case; without cookies, keys and tokens. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, else text, else base64 of what is neither; null without a body. */
  readonly body: unknown;
}

/** Makes the request of an `http` node once. */
export async function runRequest(
  http: CompiledHttp,
  scope: Scope,
  context: StepContext,
  client: RequestClient,
): Promise<HttpResult> {
  const [url, given, query, content] = await Promise.all([
    http.url.evaluate(scope),
    http.headers.evaluate(scope) as Promise<Record<string, unknown>>,
    http.query?.evaluate(scope) as Promise<Record<string, unknown>> | undefined,
    http.body?.evaluate(scope),
  ]);
  const headers = Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), textOf(value)]));
  if (http.body && content === undefined) throw noBody(context.node, http.body);
  const body = content === undefined ? undefined : textOf(content);
  const request = {
    method: http.method,
    url: withQuery(textOf(url), query),
    headers: {
      accept: 'application/json, text/*;q=0.9, */*;q=0.5',
      'user-agent': 'nest-resilience-workflow',
      ...(body !== undefined && { 'content-type': typeof content === 'string' ? 'text/plain' : 'application/json' }),
      ...(http.method !== 'GET' && http.method !== 'HEAD' && { 'idempotency-key': context.idempotencyKey }),
      ...headers,
    },
    body,
    maxBytes: http.maxBytes,
  };
  const answer = await client.send(request, context.signal);
  if (answer.status >= 400 && !http.accept.has(answer.status)) {
    const beginning = answer.body.subarray(0, 2_000).toString('utf8');
    throw new RequestStatusError(answer.url.split(/[?#]/)[0] ?? '', answer.status, answer.headers, beginning);
  }
  return { status: answer.status, headers: answer.headers, body: parseBody(answer) };
}

/** Parts of an object may be missing; a body that is missing altogether is another request. */
function noBody(node: string, body: Mapping): UnusableValueError {
  const [source = ''] = body.expressions.map((expression) => expression.source);
  return new UnusableValueError(
    `Node '${node}': '${source}' in http.body is undefined, so nothing was sent; correct it, or let it be null`,
    ...[node, 'http.body', source],
  );
}

function withQuery(text: string, query: Readonly<Record<string, unknown>> | undefined): string {
  if (!query) return text;
  if (!URL.canParse(text)) throw new RequestRefusedError(text.slice(0, 200), 'it is no absolute URL');
  const url = new URL(text);
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value])
      if (one !== undefined && one !== null) url.searchParams.append(name, textOf(one));
  }
  return url.href;
}
