import fc from 'fast-check';
import { hostileBody, hostileHeaders, hostilePiece } from './hostile.js';
import { type Schema, valueOf } from './value-of-schema.js';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: Schema;
}

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body?: Schema;
  readonly statuses: ReadonlySet<number>;
  /** Needs the token. */
  readonly isGuarded: boolean;
}

/** What is there to be named by a valid request; grows while it runs. */
export interface Known {
  readonly workflows: ReadonlyMap<string, Schema>;
  readonly circuits: readonly string[];
  readonly executions: string[];
  readonly deadLetters: string[];
  /** Of a server that answers, now and then badly. */
  readonly address: string;
}

export interface FuzzRequest {
  readonly operation: Operation;
  readonly valid: boolean;
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** By what follows from it: a run and a look at one are worth more than another look at a list. */
const WEIGHTS: Readonly<Record<string, number>> = {
  'POST /workflows/{name}/executions': 12,
  'GET /executions/{id}': 4,
};

/** The operations of an OpenAPI document. */
export function operationsOf(document: OpenApi): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody, responses, security = [] }]) => ({
      method: method.toUpperCase(),
      path,
      parameters,
      ...(requestBody && { body: requestBody.content['application/json']?.schema ?? {} }),
      statuses: new Set(Object.keys(responses).map(Number)),
      isGuarded: security.length > 0,
    })),
  );
}

export interface OpenApi {
  readonly paths: Record<string, Record<string, OpenApiOperation>>;
}

interface OpenApiOperation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Schema }> };
  readonly responses: Record<string, unknown>;
  readonly security?: readonly unknown[];
}

/** One request, by a seed: half are valid by schema, the others are not in at least one place. */
export function requestOf(operations: readonly Operation[], known: Known, seed: number): FuzzRequest {
  const weighted = operations.map((operation) => ({
    arbitrary: fc
      .boolean()
      .chain((valid) => (valid ? validRequest(operation, known) : hostileRequest(operation, known))),
    weight: WEIGHTS[`${operation.method} ${operation.path}`] ?? 1,
  }));
  return fc.sample(fc.oneof(...weighted), { seed, numRuns: 1 })[0]!;
}

function validRequest(operation: Operation, known: Known): fc.Arbitrary<FuzzRequest> {
  return nameFor(operation, known).chain((name) => {
    const schema = operation.path.startsWith('/workflows/') ? known.workflows.get(name) : operation.body;
    const body = operation.body ? valueOf(schema ?? {}, known.address) : fc.constant(undefined);
    const query = parameters(operation, 'query', ({ name: of, schema: shape }) => validParameter(of, shape, known));
    return fc.tuple(query, body).map(([given, value]) => ({
      operation,
      valid: true,
      method: operation.method,
      target: targetOf(operation, encodeURIComponent(name), given),
      headers: JSON_TYPE,
      ...(value !== undefined && { body: JSON.stringify(value) }),
    }));
  });
}

function hostileRequest(operation: Operation, known: Known): fc.Arbitrary<FuzzRequest> {
  const name = fc.oneof(hostilePiece, nameFor(operation, known).map(encodeURIComponent));
  const query = fc.oneof(
    parameters(operation, 'query', () => hostilePiece),
    fc.dictionary(hostilePiece, hostilePiece, { maxKeys: 3 }),
  );
  const method = fc.oneof(
    { arbitrary: fc.constant(operation.method), weight: 9 },
    { arbitrary: fc.constantFrom('PUT', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE'), weight: 1 },
  );
  return fc.tuple(name, query, method, hostileBody, hostileHeaders).map(([piece, given, verb, body, headers]) => ({
    operation,
    valid: false,
    method: verb,
    target: targetOf(operation, piece, given),
    headers: { ...JSON_TYPE, ...headers },
    ...(verb !== 'GET' && verb !== 'HEAD' && verb !== 'TRACE' && { body: body }),
  }));
}

function nameFor({ path }: Operation, known: Known): fc.Arbitrary<string> {
  const names = path.startsWith('/workflows')
    ? [...known.workflows.keys()]
    : path.startsWith('/executions')
      ? known.executions
      : path.startsWith('/dead-letters')
        ? known.deadLetters
        : known.circuits;
  return names.length === 0 ? fc.constant('none-yet') : fc.constantFrom(...names);
}

function validParameter(name: string, schema: Schema, known: Known): fc.Arbitrary<string> {
  if (name === 'wait') return fc.constantFrom('0s', '20ms', '200ms', '1s');
  if (name === 'workflow') return fc.constantFrom(...known.workflows.keys());
  // What is opaque is taken from an answer, or not sent.
  if (name === 'cursor' || name === 'lastEventId' || name === 'type') return fc.constant('');
  if (name === 'follow') return fc.constant('false');
  return valueOf(schema, known.address).map((value) => encodeURIComponent(String(value)));
}

function parameters(
  operation: Operation,
  place: Parameter['in'],
  value: (parameter: Parameter) => fc.Arbitrary<string>,
): fc.Arbitrary<Partial<Record<string, string>>> {
  const shape = operation.parameters
    .filter(({ in: where }) => where === place)
    .map((each) => [each.name, value(each)] as const);
  return fc.record(Object.fromEntries(shape), { requiredKeys: [] });
}

function targetOf({ path }: Operation, piece: string, query: Partial<Record<string, string>>): string {
  const given = Object.entries(query).filter(([, value]) => value);
  const search = given.map(([key, value]) => `${key}=${value}`).join('&');
  return `${path.replace(/\{\w+\}/, piece)}${search && `?${search}`}`;
}
