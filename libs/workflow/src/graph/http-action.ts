import { headerRules, isHeaderText, queryRules, textRule, urlRules } from '../expression/hole-rules.js';
import { compileMapping, compileTemplate, compileUrl, type Mapping, objectMapping } from '../expression/mapping.js';
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
    else if (!isHeaderText(value.replace(/\{\{.*?\}\}/gs, '')))
      add(`http.headers: '${name}' has a line break or another character that no header can carry`, 'headers', name);
  }
  if (maxBytes !== undefined && !(Number.isInteger(maxBytes) && maxBytes > 0))
    add(`http.maxBytes ${maxBytes} is no whole number above 0`, 'maxBytes');
  const problem = typeof http.url === 'string' ? urlProblem(http.url) : 'is no text';
  if (problem) add(`http.url ${problem}`, 'url');
  const attempt = (part: string, compile: () => Mapping): Mapping | undefined =>
    problems.attempt(compile, node, [...at, part]);
  const url = attempt('url', () => compileUrl(String(http.url), urlRules(node)));
  const names = attempt('headers', () =>
    parts(headers, (name, value) => compileTemplate(String(value), headerRules(node, name))),
  );
  const parameters =
    query && attempt('query', () => parts(query, (name, value) => compileMapping(value, queryRules(node, name))));
  const within = textRule(node, 'http.body');
  const content = body === undefined ? undefined : attempt('body', () => compileMapping(body, { within }));
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

function parts<T>(values: Readonly<Record<string, T>>, compile: (name: string, value: T) => Mapping): Mapping {
  return objectMapping(Object.entries(values).map(([name, value]) => [name, compile(name, value)]));
}
