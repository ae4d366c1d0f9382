/**
 * `npm run test:matrix`: packs the libraries as npm would publish them, installs them into stock applications in a temporary
 * folder, builds and runs those, and asks them over HTTP. Rows and checks are data in `test/matrix`. Needs `npm run build` and
 * a registry. Prints a table; ends with 1 if a row failed.
 *
 *   npm run test:matrix -- --only 'Nest 11'     rows whose name contains it
 *   npm run test:matrix -- --keep               leaves the applications where they are, and says where
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { checks } from '../test/matrix/checks.mjs';
import { rows } from '../test/matrix/rows.mjs';
import { root } from './packages.mjs';

const TOKEN = 'a-token-for-the-matrix';
const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, keep: { type: 'boolean' } } });

const chosen = rows.filter(({ name }) => name.includes(values.only));
const began = performance.now();
const home = await mkdtemp(join(tmpdir(), 'nest-resilience-matrix-'));
const lines = [];
try {
  const tarballs = await pack(new Set(chosen.flatMap(({ packages }) => packages)));
  for (const row of chosen) {
    console.log(`== ${row.name}`);
    await tryRow(row, await mkdtemp(join(home, 'row-')), tarballs);
  }
} finally {
  if (values.keep) console.log(`left in ${home}`);
  else await rm(home, { recursive: true, force: true });
}
printTable();
const failed = lines.filter(({ result }) => result === 'FAILED').length;
console.log(`\nmatrix: ${chosen.length} rows, ${failed} failed steps, ${seconds(began)}`);
process.exitCode = failed === 0 && chosen.length > 0 ? 0 : 1;

/** @returns {Promise<Map<string, string>>} folder of `libs/` to tarball */
async function pack(folders) {
  const packed = await Promise.all(
    [...folders].map(async (folder) => {
      const out = await run(`npm pack --json --pack-destination ${home}`, join(root, 'libs', folder));
      return [folder, join(home, JSON.parse(out)[0].filename)];
    }),
  );
  return new Map(packed);
}

async function tryRow(row, directory, tarballs) {
  const app = join(directory, 'app');
  const files = join(root, 'test/matrix', row.files);
  const steps = [
    ['make', () => run(row.make, directory)],
    ['install', () => run([row.install, ...row.packages.map((name) => tarballs.get(name))].join(' '), app)],
    ['adapt', () => adapt(row, files, app)],
    ['build', () => run(row.build, app)],
  ];
  for (const [name, step] of steps) if (!(await note(row, name, step))) return;
  await note(row, 'start', async () => {
    const running = await start(row, app);
    try {
      for (const name of row.checks) await note(row, name, () => checks[name](running));
    } finally {
      await running.stop('SIGKILL');
    }
  });
  for (const known of row.known) await noteKnown(row, known, app);
}

async function adapt({ main }, files, app) {
  for (const name of await readdir(files)) await cp(join(files, name), join(app, 'src', name.replace(/\.txt$/, '')));
  const path = join(app, 'src/main.ts');
  let text = await readFile(path, 'utf8');
  for (const [found, replacement] of main) text = text.replace(found, replacement);
  await writeFile(path, text);
}

async function note(row, step, act) {
  const at = performance.now();
  const error = await act().then(
    () => undefined,
    (reason) => reason,
  );
  add(row, step, error ? 'FAILED' : 'ok', at, error?.message ?? '');
  return error === undefined;
}

async function noteKnown(row, { name, run: command, says, why }, app) {
  const at = performance.now();
  const error = await run(command, app).then(
    () => undefined,
    (reason) => reason,
  );
  if (error === undefined) add(row, name, 'ok', at, 'no longer fails: make it a check');
  else if (says.test(error.message)) add(row, name, 'known', at, why);
  else add(row, name, 'FAILED', at, error.message);
}

function add({ name }, step, result, at, detail) {
  const line = { row: name, step, result, took: seconds(at), detail };
  lines.push(line);
  console.log(`   ${step}: ${result}, ${line.took}${result === 'FAILED' ? `\n${detail}` : ''}`);
}

/** Starts the application on a free port and resolves when it answers. */
async function start({ start: [program, ...args] }, app) {
  const port = await freePort();
  const child = spawn(program, args, {
    cwd: app,
    env: { ...process.env, PORT: String(port), ADMIN_TOKEN: TOKEN, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = [];
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  const listening = new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        log.push(line);
        if (line.includes('successfully started')) resolve();
      });
    child.once('error', reject);
    void ended.then(() => reject(new Error(`it ended:\n${log.join('\n')}`)));
  });
  await listening;
  const url = `http://127.0.0.1:${port}`;
  while (!(await fetch(url).catch(() => undefined))) await new Promise((resolve) => setTimeout(resolve, 50));
  const stop = async (signal) => (child.exitCode ?? child.signalCode ?? child.kill(signal), ended);
  return { url, token: TOKEN, log, stop };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** @returns what it wrote to its output. @throws Error with all that it said */
async function run(command, cwd) {
  const env = { ...process.env, NO_COLOR: '1', CI: '1' };
  const child = spawn(command, { cwd, env, shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, all] = ['', ''];
  child.stdout.on('data', (chunk) => ((out += chunk), (all += chunk)));
  child.stderr.on('data', (chunk) => (all += chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${all}`);
  return out;
}

function printTable() {
  const table = [{ row: 'row', step: 'step', result: 'result', took: 'took', detail: 'detail' }, ...lines];
  const width = (key) => Math.max(...table.map((line) => line[key].length));
  const widths = ['row', 'step', 'result', 'took'].map((key) => [key, width(key)]);
  console.log();
  for (const line of table) {
    const [detail = ''] = line.detail.split('\n');
    console.log([...widths.map(([key, size]) => line[key].padEnd(size)), detail].join('  ').trimEnd());
  }
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
