import { compileMapping, compileUrl, compileTemplate, type Mapping } from '../expression/mapping.js';
import type { CompiledHttp } from './definition.js';
import type { HttpAction, HttpMethod } from './draft.js';
import type { ProblemList } from './problems.js';

export const HTTP_METHODS: readonly HttpMethod[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** These belong to the connection: setting them would smuggle a second request or lie about the first. */
const CONNECTION_HEADERS = [
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'accept-encoding',
];

/** Compiles a request; what cannot be compiled is reported. */
export function compileHttp(
  http: HttpAction,
  node: string,
  at: readonly string[],
  problems: ProblemList,
): CompiledHttp | undefined {
  const { method = 'GET', headers = {}, query, body, accept = [], maxBytes } = http;
  const add = (message: string, ...path: string[]): void => problems.add(message, node, [...at, ...path]);
  if (!HTTP_METHODS.includes(method))
    add(`http.method '${String(method)}' must be one of ${HTTP_METHODS.join(', ')}`, 'method');
  if (body !== undefined && (method === 'GET' || method === 'HEAD'))
    add(`http.body cannot be sent with ${method}; use "query" or another method`, 'body');
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) add(`http.headers: '${name}' is no name of a header`, 'headers');
    else if (CONNECTION_HEADERS.includes(name.toLowerCase()))
      add(`http.headers: '${name}' is made by the connection itself; remove it`, 'headers', name);
    if (typeof value !== 'string') add(`http.headers: '${name}' must be a text`, 'headers', name);
  }
  if (maxBytes !== undefined && !(Number.isInteger(maxBytes) && maxBytes > 0))
    add(`http.maxBytes ${maxBytes} is no whole number above 0`, 'maxBytes');
  const problem = typeof http.url === 'string' ? urlProblem(http.url) : 'is no text';
  if (problem) add(`http.url ${problem}`, 'url');
  const url = problems.attempt(() => compileUrl(String(http.url)), node, [...at, 'url']);
  const names = problems.attempt(() => templates(headers), node, [...at, 'headers']);
  const parameters = query && problems.attempt(() => compileMapping(query), node, [...at, 'query']);
  const content = body === undefined ? undefined : problems.attempt(() => compileMapping(body), node, [...at, 'body']);
  if (!url || !names) return undefined;
  return { method, url, headers: names, query: parameters, body: content, accept: new Set(accept), maxBytes };
}

/** Found before anything runs, as far as the text tells. */
function urlProblem(url: string): string | undefined {
  if (url.startsWith('$') || /^\s*\{\{/.test(url)) return undefined;
  if (!/^https?:\/\//i.test(url)) return `'${url.slice(0, 80)}' must start with http:// or https://`;
  if (/^https?:\/\/[^/?#{]*@/i.test(url)) return 'must not hold a user or password; use headers';
  return undefined;
}

function templates(headers: Readonly<Record<string, string>>): Mapping {
  const entries = Object.entries(headers).map(([name, value]) => [name, compileTemplate(String(value))] as const);
  return {
    expressions: entries.flatMap(([, value]) => value.expressions),
    async evaluate(scope) {
      return Object.fromEntries(
        await Promise.all(entries.map(async ([name, value]) => [name, await value.evaluate(scope)] as const)),
      );
    },
  };
}
