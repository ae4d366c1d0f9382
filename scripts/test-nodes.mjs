/**
 * `npm run test:nodes [-- 24 26]`: `npm test` and `npm run demo` on other versions of Node (22, 24 and 26 by default), each installed from
 * the registry into a temporary folder. Ends with 1 if a version could not be installed or a run failed.
 *
 *   npm run test:nodes -- 24 --only test     leaves the demo out
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const RUNS = { test: ['test', '--silent', '--', '--silent'], demo: ['run', '--silent', 'demo'] };

const { values, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } });
const versions = positionals.length > 0 ? positionals : ['22', '24', '26'];
const runs = values.only === undefined ? Object.keys(RUNS) : values.only.split(',');
const unknown = runs.filter((run) => !(run in RUNS));
if (unknown.length > 0) throw new Error(`--only ${unknown.join(',')}: there are ${Object.keys(RUNS).join(', ')}`);

const folder = mkdtempSync(join(tmpdir(), 'nodes-'));
const results = versions.flatMap((version) => onNode(version));
rmSync(folder, { recursive: true, force: true });
for (const { version, run, ok } of results) console.log(`Node ${version}: ${run} ${ok ? 'ok' : 'FAILED'}`);
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;

function onNode(version) {
  const prefix = join(folder, version);
  const bin = join(prefix, 'node_modules', '.bin');
  const installed = npm(['install', '--prefix', prefix, '--no-audit', '--no-fund', `node@${version}`], 'ignore');
  if (!installed) return [{ version, run: 'npm install node', ok: false }];
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  return runs.map((run) => {
    console.log(`== Node ${version}: npm ${RUNS[run].join(' ')}`);
    return { version, run, ok: npm(RUNS[run], 'inherit', env) };
  });
}

function npm(args, stdio, env = process.env) {
  return spawnSync('npm', args, { cwd: root, stdio: ['ignore', stdio, stdio], env }).status === 0;
}
