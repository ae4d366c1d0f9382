/** The service as a user runs it: `node dist/main.js` in a process of its own, with everything it needs in the environment. */
import { execFileSync, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Builds it, unless that was done. */
export async function ensureBuilt() {
  await access(join(root, 'dist/main.js')).catch(() => {
    console.log('building first: npm run build');
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
  });
}

const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 10_000;

/**
 * @param {{ env: Record<string, string>, directory: string }} setup the service's log goes to `<directory>/service.log`
 * @returns {Promise<{ url: string, log: string, kill: () => Promise<void>, stop: () => Promise<void> }>}
 */
export async function startService({ env, directory }) {
  const [port, tcpPort] = [await freePort(), await freePort()];
  const log = join(directory, 'service.log');
  const child = spawn(process.execPath, ['dist/main.js'], {
    cwd: root,
    env: { ...process.env, ...env, HOST: '127.0.0.1', PORT: String(port), TCP_PORT: String(tcpPort) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const file = createWriteStream(log);
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  // A demo that is interrupted leaves no service behind.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(url, child);
  } catch (error) {
    kill();
    throw new Error(`the service did not start (${error.message}); its log is ${log}`, { cause: error });
  }
  return {
    url,
    log,
    kill: async () => {
      kill();
      await ended;
      process.off('exit', kill);
    },
    stop: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(kill, STOP_WITHIN_MS);
      await ended;
      clearTimeout(timer);
      process.off('exit', kill);
    },
  };
}

async function untilReady(url, child) {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`);
    const response = await fetch(`${url}/health/ready`).catch(() => undefined);
    if (response?.ok) return;
    if (performance.now() > deadline) throw new Error(`not ready within ${READY_WITHIN_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
