import { CliError, EXIT_CODES } from './exit-code.js';

/** An error of the file system in words; any other, such as an abort, stays as it is. */
export function fileError(error: unknown, what: string): unknown {
  if (error instanceof CliError) return error;
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  return code === undefined || syscall === undefined ? error : new CliError(`${what}: ${message}`, EXIT_CODES.usage);
}
