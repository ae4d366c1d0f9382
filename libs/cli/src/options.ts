/** One `--option`. */
export interface OptionSpec {
  readonly type: 'text' | 'number' | 'flag';
  /** What stands for the value in the help. */
  readonly label?: string;
  readonly short?: string;
  readonly summary: string;
}

/** The same option means the same in every command. */
export const OPTIONS = {
  queue: { type: 'text', label: 'name', summary: 'entries of this queue' },
  status: {
    type: 'text',
    label: 'status',
    summary: 'pending, redriving, resolved, poisoned, discarded; several with commas',
  },
  target: { type: 'text', label: 'Class.method', summary: 'entries of this method' },
  'error-name': { type: 'text', label: 'name', summary: 'entries of this error, e.g. TimeoutError' },
  from: { type: 'text', label: 'time', summary: 'created at or after: ISO 8601 or epoch milliseconds' },
  to: { type: 'text', label: 'time', summary: 'created before' },
  text: { type: 'text', label: 'text', summary: 'somewhere in message, target, arguments or note' },
  all: { type: 'flag', summary: 'every entry, where a filter would have to be given' },
  limit: { type: 'number', label: 'n', summary: 'entries at most' },
  cursor: { type: 'text', label: 'cursor', summary: 'the page after; list says how' },
  order: { type: 'text', label: 'order', summary: 'newest (default) or oldest first' },
  rate: { type: 'number', label: 'n', summary: 'redrives started a second, at most (default 10)' },
  'dry-run': { type: 'flag', summary: 'change nothing, say how many it would be' },
  yes: { type: 'flag', summary: 'remove for good: without it nothing is removed' },
  note: { type: 'text', label: 'text', summary: 'why; kept with the entry' },
  output: { type: 'text', label: 'file', short: 'o', summary: 'write there instead of to stdout' },
  json: { type: 'flag', summary: 'one JSON document instead of text' },
  url: {
    type: 'text',
    label: 'url',
    summary: 'of the application, with its global prefix; or NEST_RESILIENCE_URL (default http://localhost:3000)',
  },
  token: { type: 'text', label: 'token', summary: 'of AdminModule; better as NEST_RESILIENCE_TOKEN' },
  help: { type: 'flag', short: 'h', summary: 'this text' },
} as const satisfies Readonly<Record<string, OptionSpec>>;

export type OptionName = keyof typeof OPTIONS;
export type TextOption = { [K in OptionName]: (typeof OPTIONS)[K]['type'] extends 'text' ? K : never }[OptionName];
export type NumberOption = { [K in OptionName]: (typeof OPTIONS)[K]['type'] extends 'number' ? K : never }[OptionName];
export type FlagOption = Exclude<OptionName, TextOption | NumberOption>;

export const FILTER_OPTIONS = [
  ...(['queue', 'status', 'target', 'error-name', 'from', 'to', 'text'] as const),
] satisfies OptionName[];

/** What the server calls an option. */
export function fieldOf(option: OptionName): string {
  return option === 'rate' ? 'ratePerSecond' : option.replace(/-(.)/, (_, letter: string) => letter.toUpperCase());
}

/** What every command takes. */
export const COMMON_OPTIONS = ['json', 'url', 'token', 'help'] as const satisfies readonly OptionName[];

/** The option that sets what the server calls `field`. */
export function optionOf(field: string): string {
  const found = (Object.keys(OPTIONS) as OptionName[]).find((option) => fieldOf(option) === field);
  return found === undefined ? field : `--${found}`;
}
