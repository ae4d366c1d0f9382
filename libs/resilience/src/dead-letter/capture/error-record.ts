import type { ErrorClassification } from '../../engine/classifier/classification.js';
import { httpStatusOf } from '../../engine/classifier/link.js';
import type { StoredError } from '../dead-letter.entry.js';
import type { Redactor } from './redact.js';

/** `classifyError`, or something of its shape. */
export type ClassifyError = (error: unknown) => ErrorClassification;

const MAX_CAUSES = 10;
/** Errors of one tree, causes and parts of aggregates together: ten of ten of ten are more than anybody reads. */
const MAX_ERRORS = 50;
const UNREADABLE: StoredError = { name: 'Error', message: '[the error could not be read]' };
const MAX_NAME_LENGTH = 200;
const MAX_MESSAGE_LENGTH = 4_000;
const MAX_STACK_LENGTH = 8_000;

/** Whatever was thrown, as plain data without secrets. Never throws, also for hostile getters and endless cause chains. */
export function storeError(
  error: unknown,
  redactor: Redactor,
  secrets: Iterable<string> = [],
  classify?: ClassifyError,
): StoredError {
  try {
    // Cleaned before it is cut: half a secret would not be recognised. Beyond that length nobody reads anyway.
    const clean = (text: string, length: number) => redactor.text(text.slice(0, 4 * length), secrets).slice(0, length);
    const stored = describeError(error, clean, 0, new Set());
    const classification = classify?.(error);
    return classification ? { ...stored, classification: plainClassification(classification) } : stored;
  } catch {
    return UNREADABLE;
  }
}

function describeError(
  error: unknown,
  clean: (text: string, length: number) => string,
  depth: number,
  seen: Set<unknown>,
): StoredError {
  seen.add(error);
  if (typeof error !== 'object' || error === null) {
    return { name: 'NonError', message: clean(`thrown: ${String(error)}`, MAX_MESSAGE_LENGTH) };
  }
  const { name, message, code, stack, cause, errors } = error as Record<string, unknown>;
  const status = httpStatusOf(error as Readonly<Record<string, unknown>>);
  const child = (inner: unknown): StoredError[] => {
    if (inner === undefined || depth >= MAX_CAUSES || seen.size >= MAX_ERRORS || seen.has(inner)) return [];
    try {
      return [describeError(inner, clean, depth + 1, seen)];
    } catch {
      return [UNREADABLE];
    }
  };
  const [causedBy] = child(cause);
  return {
    name: typeof name === 'string' && name ? clean(name, MAX_NAME_LENGTH) : 'Error',
    message: clean(typeof message === 'string' ? message : '', MAX_MESSAGE_LENGTH),
    ...(typeof code === 'number' && { code }),
    ...(typeof code === 'string' && { code: clean(code, MAX_NAME_LENGTH) }),
    ...(status !== undefined && { status }),
    ...(typeof stack === 'string' && { stack: clean(stack, MAX_STACK_LENGTH) }),
    ...(causedBy && { cause: causedBy }),
    ...(Array.isArray(errors) && depth < MAX_CAUSES && { errors: errors.slice(0, 10).flatMap(child) }),
  };
}

function plainClassification(classification: ErrorClassification): ErrorClassification {
  const { kind, reason, retryable, countsAsFailure, retryAfterMs } = classification;
  return { kind, reason, retryable, countsAsFailure, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}
