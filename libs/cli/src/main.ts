import { readFile } from 'node:fs/promises';
import { nearest } from '@nest-resilience/core/kit';
import { readAddress } from './admin.address.js';
import { AdminClient } from './admin.client.js';
import type { CliIo } from './cli.io.js';
import type { Command } from './command.js';
import { readCommandLine } from './command-line.js';
import { COMMANDS } from './commands/index.js';
import { DeadLetterApi } from './dead-letter.api.js';
import { CliError, EXIT_CODES, type ExitCode, usageError } from './exit-code.js';
import { commandHelp, overview } from './help.js';
import { Screen } from './screen.js';

const GROUP = 'dead-letters';

/**
 * The program `nest-resilience`.
 * @param argv what follows the program's name
 * @returns what the process should end with; never rejects
 */
export async function main(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  const screen = new Screen(io);
  // Whatever an error message repeats, it is not this.
  let token: string | undefined;
  try {
    const command = await commandOf(argv, screen);
    if (typeof command === 'number') return command;
    const line = readCommandLine(command, argv.slice(2));
    if (line.flag('help')) {
      screen.line(commandHelp(command));
      return EXIT_CODES.done;
    }
    const address = readAddress({ url: line.text('url'), token: line.text('token') }, io.env);
    ({ token } = address);
    const api = new DeadLetterApi(new AdminClient(address, io.signal));
    return await command.run({ line, api, screen, io });
  } catch (error) {
    if (io.signal.aborted) return EXIT_CODES.interrupted;
    const text = error instanceof CliError ? error.message : `Unexpected: ${String(error)}`;
    screen.note(token === undefined ? text : text.replaceAll(token, '[token]'));
    return error instanceof CliError ? error.exitCode : EXIT_CODES.problem;
  } finally {
    screen.clear();
  }
}

/** What to run, or how it ended when help or the version was asked for. */
async function commandOf([group, name]: readonly string[], screen: Screen): Promise<Command | ExitCode> {
  if (group === '--version') {
    screen.line(await version());
    return EXIT_CODES.done;
  }
  if (isHelp(group) || (group === GROUP && isHelp(name))) {
    screen.line(overview(COMMANDS));
    return EXIT_CODES.done;
  }
  if (group === undefined || (group === GROUP && name === undefined)) throw usageError(overview(COMMANDS));
  if (group !== GROUP) throw usageError(unknown(group, '', [GROUP, ...COMMANDS.map((command) => command.name)]));
  const command = COMMANDS.find((one) => one.name === name);
  if (!command) throw usageError(unknown(name ?? '', `${GROUP} `, COMMANDS.map((one) => one.name))); // prettier-ignore
  return command;
}

function isHelp(word: string | undefined): boolean {
  return word === '--help' || word === '-h' || word === 'help';
}

function unknown(word: string, prefix: string, known: readonly string[]): string {
  // An option before the command may be --token=...: nothing of it is repeated.
  if (word.startsWith('-')) return `Options follow the command: nest-resilience ${GROUP} <command> [options]`;
  const near = nearest(word, known);
  if (near === undefined) return `There is no command '${prefix}${word}': see nest-resilience --help`;
  const path = near === GROUP || prefix !== '' ? `${prefix}${near}` : `${GROUP} ${near}`;
  return `There is no command '${prefix}${word}': did you mean 'nest-resilience ${path}'?`;
}

async function version(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
