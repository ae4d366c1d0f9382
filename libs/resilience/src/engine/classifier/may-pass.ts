import type { FailureReason } from './classification.js';
import { hasCode } from '../foreign-error.js';
import { classifyError } from './classify-error.js';

const PASSING: ReadonlySet<FailureReason> = new Set(['network', 'timeout', 'overloaded', 'server_error', 'resource']);

/**
 * Whether what a store answered may pass without anybody's doing: it is away, starting, busy, locked, full or read-only now. A wrong
 * password, a missing database or a value that does not fit stays as it is.
 */
export function mayPass(error: unknown): boolean {
  return PASSING.has(classifyError(error).reason);
}

/**
 * The same at the start of an application, where an unknown host is most likely a wrong address, and a file that cannot be opened a
 * wrong path.
 */
export function mayPassAtStart(error: unknown): boolean {
  return mayPass(error) && classifyError(error).reason !== 'resource' && !hasCode(error, 'ENOTFOUND');
}
