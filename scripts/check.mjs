/**
 * `npm run check`: the one gate. Runs every step even after a failure, then prints one line per step and ends with 1 if any failed.
 *
 *   npm run check -- --only lint,test      these steps only
 *   npm run check -- --except test         all but these (named in the summary, never silently)
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));

/** In this order: the cheap and telling ones first, the ones that need dist/ after build. */
const STEPS = [
  ['format', ['run', '--silent', 'format:check']],
  ['lint', ['run', '--silent', 'lint']],
  ['typecheck', ['run', '--silent', 'typecheck']],
  ['docs', ['run', '--silent', 'check:docs']],
  ['rooms', ['run', '--silent', 'rooms']],
  ['unused', ['run', '--silent', 'unused']],
  ['build', ['run', '--silent', 'build']],
  ['pack', ['run', '--silent', 'check:pack']],
  ['smoke', ['run', '--silent', 'check:smoke']],
  ['test', ['test', '--silent']],
];

const { only, except } = stepsAsked();
const results = [];
for (const [name, args] of STEPS) {
  if ((only && !only.includes(name)) || except.includes(name)) {
    results.push({ name, status: 'skipped' });
    continue;
  }
  console.log(`\n== ${name}: npm ${args.filter((arg) => arg !== '--silent').join(' ')}`);
  const began = performance.now();
  const code = await run('npm', args);
  results.push({ name, status: code === 0 ? 'ok' : 'FAILED', seconds: (performance.now() - began) / 1000 });
}

const total = results.reduce((sum, { seconds = 0 }) => sum + seconds, 0);
const parts = results.map(({ name, status, seconds }) =>
  seconds === undefined ? `${name} ${status}` : `${name} ${status} ${seconds.toFixed(1)} s`,
);
const failed = results.filter(({ status }) => status === 'FAILED');
console.log(`\ncheck: ${parts.join(', ')}; total ${total.toFixed(1)} s`);
console.log(failed.length === 0 ? 'check: green' : `check: failed in ${failed.map(({ name }) => name).join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;

function stepsAsked() {
  const { values } = parseArgs({ options: { only: { type: 'string' }, except: { type: 'string' } } });
  const known = STEPS.map(([name]) => name);
  const list = (text) => text?.split(',').map((name) => name.trim());
  const unknown = [...(list(values.only) ?? []), ...(list(values.except) ?? [])].filter(
    (name) => !known.includes(name),
  );
  if (unknown.length > 0) {
    console.error(`check: no step named ${unknown.join(', ')}; there are ${known.join(', ')}`);
    process.exit(2);
  }
  return { only: list(values.only), except: list(values.except) ?? [] };
}

/** Resolves to the exit code; a process ended by a signal counts as failed. */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit' });
    child.once('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
