import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface SourceProcess {
  readonly child: ChildProcess;
  /** Lines of both streams so far. */
  readonly said: readonly string[];
  /** Resolves with the first line that matches; rejects when the process ends before. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves when it has ended by itself. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** A process that runs TypeScript from the sources. @param file from the root of the repository */
export function startSource(
  file: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): SourceProcess {
  const child = spawn(
    process.execPath,
    [
      // Node 26 warns of a loader whose successor Node 20 does not have.
      ...[
        '--disable-warning=ExperimentalWarning',
        '--disable-warning=DEP0205',
        '--conditions',
        'nest-resilience-source',
      ],
      ...['--import', new URL('sources.mjs', import.meta.url).href, `${ROOT}${file}`, ...args],
    ],
    { cwd: ROOT, env: { PATH: process.env['PATH'], NO_COLOR: '1', ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const said: string[] = [];
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      said.push(line);
      for (const look of watchers) look();
    });
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  return {
    child,
    said,
    ended,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = said.map((line) => pattern.exec(line)).find((match) => match !== null);
          if (!found) return;
          watchers.delete(look);
          resolve(found);
        };
        watchers.add(look);
        look();
        void ended.then(() => reject(new Error(`it ended without saying ${pattern}:\n${said.join('\n')}`)));
      }),
  };
}
