import { once } from 'node:events';
import { stripVTControlCharacters, styleText } from 'node:util';
import type { CliIo } from './cli.io.js';

type Format = Extract<Parameters<typeof styleText>[0], string>;

const ERASE_LINE = '\r\x1b[2K';

/** Results on stdout, the rest on stderr; colour and progress only where somebody looks at a terminal. */
export class Screen {
  /** Columns of the terminal that shows the results; `Infinity` where there is none, so nothing is cut. */
  readonly width: number;
  private readonly colours: boolean;
  private readonly live: boolean;
  private shown = false;

  constructor(private readonly io: Pick<CliIo, 'stdout' | 'stderr' | 'env' | 'signal'>) {
    const { stdout, stderr, env } = io;
    const dumb = env['TERM'] === 'dumb';
    this.width = stdout.isTTY === true ? (stdout.columns ?? 80) : Infinity;
    this.colours = stdout.isTTY === true && !dumb && !env['NO_COLOR'];
    this.live = stderr.isTTY === true && !dumb;
  }

  line(text = ''): void {
    this.clear();
    this.io.stdout.write(`${text}\n`);
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value, undefined, 2));
  }

  note(text: string): void {
    this.clear();
    this.io.stderr.write(`${text}\n`);
  }

  /** Bytes as they come, no faster than the reader takes them. */
  async pour(chunk: Uint8Array): Promise<void> {
    const { stdout, signal } = this.io;
    if (!stdout.write(chunk)) await once(stdout as NodeJS.WriteStream, 'drain', { signal });
  }

  paint(format: Format, text: string): string {
    return this.colours ? styleText(format, text, { validateStream: false }) : text;
  }

  /** `label [####----] 4/8, detail`, on a line that the next call replaces. */
  progress(label: string, done: number, total: number, detail: string): void {
    if (!this.live) return;
    const filled = total === 0 ? 24 : Math.min(24, Math.floor((24 * done) / total));
    const text = `${label} [${'#'.repeat(filled)}${'-'.repeat(24 - filled)}] ${done}/${total}${detail && `, ${detail}`}`;
    this.io.stderr.write(ERASE_LINE + text.slice(0, (this.io.stderr.columns ?? 80) - 1));
    this.shown = true;
  }

  clear(): void {
    if (this.shown) this.io.stderr.write(ERASE_LINE);
    this.shown = false;
  }
}

/** Text of strangers on one line: an error message may hold escape sequences that would steer the terminal. */
export function plain(text: string): string {
  // eslint-disable-next-line no-control-regex
  return stripVTControlCharacters(text).replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ');
}
