import { CliError, EXIT_CODES, type ExitCode } from './exit-code.js';
import { optionOf } from './options.js';
import { plain } from './screen.js';

/** What is left of an answer that was no success. Servers of strangers (proxies, other applications) send anything. */
export interface AnsweredProblem {
  readonly status: number;
  /** Of problem+json, e.g. `RESILIENCE_DEAD_LETTER_NOT_FOUND`. */
  readonly code: string | undefined;
  readonly detail: string;
  readonly fields: readonly { readonly field: string; readonly message: string }[];
}

/** The server answered, but not with what was asked for. */
export class ServerProblem extends CliError {
  readonly status: number;

  constructor(
    readonly problem: AnsweredProblem,
    hadToken: boolean,
  ) {
    super(inWords(problem, hadToken), exitCodeOf(problem.status));
    this.status = problem.status;
  }
}

export function problemOf(status: number, body: string, location?: string): AnsweredProblem {
  const { code, detail, message, title, errors } = jsonObject(body);
  const redirected = location === undefined ? undefined : `it redirects to ${location}: give that address as --url`;
  const texts = [redirected, detail, message, title].filter((text) => typeof text === 'string');
  return {
    status,
    code: typeof code === 'string' ? plain(code) : undefined,
    detail: plain(texts[0] ?? 'no reason given'),
    fields: (Array.isArray(errors) ? (errors as unknown[]) : []).flatMap((error) => {
      const { field, message: why } = (error ?? {}) as Record<string, unknown>;
      return typeof field === 'string' && typeof why === 'string' ? [{ field: plain(field), message: plain(why) }] : [];
    }),
  };
}

function inWords({ status, code, detail, fields }: AnsweredProblem, hadToken: boolean): string {
  const where = `(${[status, code].filter((part) => part !== undefined).join(' ')})`;
  if (status === 401) {
    const what = hadToken ? 'The server does not accept this token' : 'The server wants a token';
    return `${what} ${where}. Give it as NEST_RESILIENCE_TOKEN or with --token`;
  }
  if (status === 400 && fields.length > 0) {
    const lines = fields.map(({ field, message }) => `  ${optionOf(field)}: ${message}`);
    return [`The server cannot take this ${where}:`, ...lines].join('\n');
  }
  if (status === 404 && code?.startsWith('RESILIENCE_') !== true) {
    return (
      `${detail} ${where}. The server has no such route: does it import AdminModule, ` +
      'and is its global prefix part of --url?'
    );
  }
  return `${detail} ${where}`;
}

function exitCodeOf(status: number): ExitCode {
  if (status === 401 || status === 403) return EXIT_CODES.denied;
  return status === 400 ? EXIT_CODES.usage : EXIT_CODES.problem;
}

function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
