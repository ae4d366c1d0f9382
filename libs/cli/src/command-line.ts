import { parseArgs } from 'node:util';
import { nearest } from '@nest-resilience/core/kit';
import { usageError } from './exit-code.js';
import {
  COMMON_OPTIONS,
  fieldOf,
  FILTER_OPTIONS,
  type FlagOption,
  type NumberOption,
  type OptionName,
  OPTIONS,
  type OptionSpec,
  type TextOption,
} from './options.js';

/** What a command takes besides `--options`. */
export interface Operands {
  /** For the help and for messages, e.g. `id`. */
  readonly label: string;
  readonly min: number;
  readonly max: number;
}

export interface CommandShape {
  readonly name: string;
  readonly operands?: Operands;
  readonly options: readonly OptionName[];
}

/** The words after the command, checked. */
export class CommandLine {
  constructor(
    readonly operands: readonly string[],
    private readonly values: ReadonlyMap<string, string | true>,
  ) {}

  text(name: TextOption): string | undefined {
    return this.values.get(name)?.toString();
  }

  number(name: NumberOption): number | undefined {
    const value = this.values.get(name);
    return value === undefined ? undefined : Number(value);
  }

  flag(name: FlagOption): boolean {
    return this.values.has(name);
  }

  /** The filters given, as the server calls them. */
  filter(): Record<string, string> {
    return Object.fromEntries(
      FILTER_OPTIONS.flatMap((name) => {
        const value = this.text(name);
        return value === undefined ? [] : [[fieldOf(name), value]];
      }),
    );
  }
}

/** @throws CliError with everything that is wrong. Values of unknown options are not repeated: one may be a token. */
export function readCommandLine({ name, operands, options }: CommandShape, argv: readonly string[]): CommandLine {
  const known: readonly OptionName[] = [...options, ...COMMON_OPTIONS];
  const { tokens } = parseArgs({
    ...{ args: [...argv], strict: false, allowPositionals: true, tokens: true },
    options: Object.fromEntries(known.map((option) => [option, parserOption(OPTIONS[option])])),
  });
  const values = new Map<string, string | true>();
  const words: string[] = [];
  const problems: string[] = [];
  let unknown = false;
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const option = known.find((one) => one === token.name);
    if (option === undefined) {
      unknown = true;
      problems.push(unknownOption(token.rawName, name, known));
      continue;
    }
    const problem = valueProblem(OPTIONS[option], token.value, token.inlineValue === true);
    if (problem !== undefined) problems.push(`--${option} ${problem}`);
    const before = values.get(option);
    const value = token.value ?? true;
    values.set(option, option === 'status' && before !== undefined ? `${before},${value}` : value);
  }
  // After an unknown option it is not clear which words are operands.
  if (!unknown && !values.has('help')) problems.push(...operandProblems(name, operands, words));
  if (problems.length > 0) throw usageError(...problems);
  return new CommandLine(words, values);
}

function parserOption({ type, short }: OptionSpec) {
  return { type: type === 'flag' ? ('boolean' as const) : ('string' as const), ...(short !== undefined && { short }) };
}

function unknownOption(rawName: string, command: string, known: readonly string[]): string {
  const near = nearest(rawName.replace(/^-+/, ''), known);
  const hint = near === undefined ? `see 'dead-letters ${command} --help'` : `did you mean '--${near}'?`;
  return `'${command}' has no option '${rawName}': ${hint}`;
}

function valueProblem({ type, label }: OptionSpec, value: string | undefined, inline: boolean): string | undefined {
  if (type === 'flag') return value === undefined ? undefined : 'takes no value';
  if (value === undefined || value === '' || (!inline && /^-./.test(value))) return `needs a value: <${label}>`;
  if (type === 'number' && !(Number(value) > 0 && Number.isFinite(Number(value)))) {
    return `needs a number above 0, got '${value}'`;
  }
  return undefined;
}

function operandProblems(command: string, operands: Operands | undefined, words: readonly string[]): string[] {
  const { label, min, max } = operands ?? { label: '', min: 0, max: 0 };
  if (words.includes('')) return [`'${command}' got an empty <${label || 'word'}>`];
  if (words.length < min) return [`'${command}' needs <${label}>`];
  if (words.length <= max) return [];
  const most = max === 0 ? 'no words besides options' : `one <${label}>`;
  return [`'${command}' takes ${most}, got ${words.map((word) => `'${word}'`).join(' ')}`];
}
