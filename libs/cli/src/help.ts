import type { Command } from './command.js';
import { COMMON_OPTIONS, type OptionName, OPTIONS, type OptionSpec } from './options.js';
import { joined, table } from './table.js';

export function overview(commands: readonly Command[]): string {
  return [
    'Usage: nest-resilience dead-letters <command> [options]',
    '',
    ...indented(commands.map((command) => [synopsis(command), command.summary])),
    '',
    ...optionLines(COMMON_OPTIONS),
    '',
    'What a command takes: nest-resilience dead-letters <command> --help',
    'Exit codes: 0 done, 1 partly done, 2 usage, 3 unreachable, 4 denied (401, 403), 5 another error answer, 130 interrupted',
  ].join('\n');
}

export function commandHelp(command: Command): string {
  return [
    `Usage: nest-resilience dead-letters ${synopsis(command)} [options]`,
    '',
    command.summary,
    '',
    ...optionLines([...command.options, ...COMMON_OPTIONS]),
  ].join('\n');
}

function synopsis({ name, operands }: Command): string {
  if (!operands) return name;
  const { label, min, max } = operands;
  const many = max > 1 ? '...' : '';
  return min === 0 ? `${name} [${label}${many}]` : `${name} <${label}>${many}`;
}

function optionLines(names: readonly OptionName[]): string[] {
  return indented(
    names.map((name) => {
      const { label, short, summary }: OptionSpec = OPTIONS[name];
      return [`${short ? `-${short}, ` : ''}--${name}${label ? ` <${label}>` : ''}`, summary];
    }),
  );
}

function indented(rows: readonly (readonly string[])[]): string[] {
  return table(rows).map((cells) => `  ${joined(cells)}`);
}
