import { classifyError, redactText } from '@nest-resilience/core';

/** An error as the ledger keeps it: no stack, no request or response objects, no secrets. */
export interface StructuredError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly status?: number;
  /** Kind and reason of the classifier. */
  readonly kind?: string;
  readonly reason?: string;
  readonly node?: string;
  readonly cause?: StructuredError;
}

const MAX_MESSAGE = 2_000;
const MAX_CAUSES = 4;

/** Never throws, whatever was thrown. */
export function structuredError(error: unknown, node?: string): StructuredError {
  const { kind, reason } = classify(error);
  return {
    ...describe(error, 0),
    ...(kind && { kind }),
    ...(reason && { reason }),
    ...(node !== undefined && { node }),
  };
}

function classify(error: unknown): { kind?: string; reason?: string } {
  try {
    return classifyError(error);
  } catch {
    return {};
  }
}

function describe(error: unknown, depth: number): StructuredError {
  if (typeof error !== 'object' || error === null) return { name: 'NonError', message: cut(textOf(error)) };
  const name = read(error, 'name');
  const message = read(error, 'message');
  const code = read(error, 'code');
  const status = read(error, 'status') ?? read(error, 'statusCode');
  const cause = read(error, 'cause');
  return {
    name: typeof name === 'string' ? cut(name) : 'Error',
    message: typeof message === 'string' ? cut(message) : 'an error without a message',
    ...((typeof code === 'string' || typeof code === 'number') && { code: cut(String(code)) }),
    ...(typeof status === 'number' && { status }),
    ...(cause !== undefined && cause !== null && depth < MAX_CAUSES && { cause: describe(cause, depth + 1) }),
  };
}

function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return `a ${typeof thrown} without a text`;
  }
}

/** Getters of foreign errors may throw. */
function read(error: object, key: string): unknown {
  try {
    return (error as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** Cleaned before it is cut: half a secret no longer looks like one. */
function cut(text: string): string {
  const clean = redactText(text.slice(0, 4 * MAX_MESSAGE));
  return clean.length > MAX_MESSAGE ? `${clean.slice(0, MAX_MESSAGE)}...` : clean;
}
