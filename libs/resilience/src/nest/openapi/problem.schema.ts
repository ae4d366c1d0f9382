import { STATUS_CODES } from 'node:http';
import type { ResponseDescription } from './describe-routes.js';
import { type FieldsOf, integer, list, object, text } from './schema.js';

/** Body of an error answer (RFC 9457). */
export interface Problem {
  /** `urn:nest-resilience:problem:` and the code, e.g. `urn:nest-resilience:problem:resilience-admin-closed`. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** For people: what happened and the way out. */
  readonly detail: string;
  /** For programs; stable, e.g. `RESILIENCE_ADMIN_CLOSED`. */
  readonly code: string;
  /** Every field of the request that cannot be. */
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}

export function newProblem(status: number, code: string, detail: string): Problem {
  return { type: problemType(code), title: STATUS_CODES[status] ?? 'Error', status, detail, code };
}

export function problemType(code: string): string {
  return `urn:nest-resilience:problem:${code.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`;
}

const FIELDS: FieldsOf<Problem> = {
  type: text(),
  title: text(),
  status: integer(),
  detail: text('What happened and the way out, for people'),
  code: text('For programs; never changes'),
  'errors?': list(object({ field: text(), message: text() }), 'Every field of the request that cannot be'),
};

/** An error that is answered as problem+json. */
export const problem = problemWith<Problem>({});

/** As {@link problem}, for a kind that says more. @param more its further fields */
export function problemWith<P extends Problem>(more: FieldsOf<Omit<P, keyof Problem>>) {
  const schema = object({ ...FIELDS, ...more });
  return (description: string): ResponseDescription => ({ description, schema, mediaType: 'application/problem+json' });
}
