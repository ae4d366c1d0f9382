import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface ServiceProcess {
  readonly child: ChildProcess;
  readonly url: string;
  /** What it said so far, without colours. */
  readonly log: readonly string[];
  /** Resolves when it has ended by itself. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

/** The built service on a free port and without a second transport, as `npm start` runs it. */
export async function startService(env: Record<string, string>): Promise<ServiceProcess> {
  const main = `${ROOT}dist/main.js`;
  if (!existsSync(main)) throw new Error(`${main} is missing: run \`npm run build\` first`);
  const child = spawn(process.execPath, [main], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: '0', TRANSPORT: 'none', NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: string[] = [];
  const ended = once(child, 'close').then(([code, signal]) => ({ code: code as number, signal: signal as string }));
  const lines = createInterface({ input: child.stdout });
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  const url = await new Promise<string>((resolve, reject) => {
    lines.on('line', (line) => {
      log.push(line);
      const listening = /listening on (http:\/\/\S+),/.exec(line)?.[1];
      if (listening !== undefined) resolve(listening.replace('[::1]', '127.0.0.1'));
    });
    void ended.then(() => reject(new Error(`the service did not start:\n${log.join('\n')}`)));
  });
  return { child, url, log, ended };
}
