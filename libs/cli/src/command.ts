import type { CliIo } from './cli.io.js';
import type { CommandLine, CommandShape } from './command-line.js';
import type { DeadLetterApi, Filter } from './dead-letter.api.js';
import { type ExitCode, usageError } from './exit-code.js';
import type { Screen } from './screen.js';

export interface CommandCall {
  readonly line: CommandLine;
  readonly api: DeadLetterApi;
  readonly screen: Screen;
  readonly io: CliIo;
}

/** One word after `dead-letters`. */
export interface Command extends CommandShape {
  readonly summary: string;
  run(call: CommandCall): Promise<ExitCode>;
}

/** What a command that changes entries is to change: named ones, or those of a filter. Never all of them by accident. */
export type Selection = { readonly ids: readonly string[] } | { readonly filter: Filter };

/** @throws CliError when both or neither are given */
export function selectionOf(command: string, line: CommandLine): Selection {
  const ids = [...new Set(line.operands)];
  const filter = line.filter();
  const filtered = Object.keys(filter).length > 0;
  if (ids.length > 0 && (filtered || line.flag('all'))) {
    throw usageError(
      `'${command}' takes either ids or a filter: with both it would not be clear which entries are meant`,
    );
  }
  if (ids.length > 0) return { ids };
  if (filtered || line.flag('all')) return { filter };
  throw usageError(`'${command}' needs ids, a filter such as --queue orders, or --all`);
}
