/** What the process ends with. Documented in docs/cli.md: scripts branch on it. */
export const EXIT_CODES = {
  done: 0,
  /** Some of the work was not done: a redrive failed again, an entry was skipped, a line of an import was refused. */
  partly: 1,
  /** The command line cannot be, by the judgement of this program or of the server (400). */
  usage: 2,
  unreachable: 3,
  /** 401 or 403. */
  denied: 4,
  /** Any other answer that is no success. */
  problem: 5,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/** Ends the program: the message goes to stderr. */
export class CliError extends Error {
  constructor(
    message: string,
    readonly exitCode: ExitCode,
  ) {
    super(message);
    this.name = 'CliError';
  }
}

export function usageError(...problems: readonly string[]): CliError {
  return new CliError(problems.join('\n'), EXIT_CODES.usage);
}

/** An error of the file system in words; any other, such as an abort, stays as it is. */
export function fileError(error: unknown, what: string): unknown {
  if (error instanceof CliError) return error;
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  return code === undefined || syscall === undefined ? error : new CliError(`${what}: ${message}`, EXIT_CODES.usage);
}
