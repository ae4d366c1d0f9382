/**
 * `npm run check`: the one gate. Runs every step even after a failure, then prints one line per step and ends with 1 if any failed.
 * A step takes one core, so as many run at once as there are cores; what a step says is shown when it has ended.
 *
 *   npm run check -- --only lint,test      these steps only
 *   npm run check -- --except test         all but these (named in the summary, never silently)
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));

/** In this order: the long ones first. A step that needs what another has made waits for it; `test` takes all cores by itself. */
const STEPS = [
  { name: 'build', args: ['run', '--silent', 'build'] },
  { name: 'lint', args: ['run', '--silent', 'lint'] },
  { name: 'typecheck', args: ['run', '--silent', 'typecheck'] },
  { name: 'pack', args: ['run', '--silent', 'check:pack'], after: 'build' },
  { name: 'docs', args: ['run', '--silent', 'check:docs'] },
  { name: 'unused', args: ['run', '--silent', 'unused'] },
  { name: 'format', args: ['run', '--silent', 'format:check'] },
  { name: 'rooms', args: ['run', '--silent', 'rooms'] },
  { name: 'smoke', args: ['run', '--silent', 'check:smoke'], after: 'build' },
  { name: 'test', args: ['test', '--silent'], alone: true },
];

const { only, except } = stepsAsked();
const asked = STEPS.filter(({ name }) => (only?.includes(name) ?? true) && !except.includes(name));
const results = new Map(STEPS.filter((step) => !asked.includes(step)).map(({ name }) => [name, { status: 'skipped' }]));
const began = performance.now();
const ended = new Map();

const waiting = asked.filter(({ alone }) => !alone);
await Promise.all(Array.from({ length: availableParallelism() }, lane));
for (const step of asked.filter(({ alone }) => alone)) await take(step);

const parts = STEPS.map(({ name }) => {
  const { status, seconds } = results.get(name);
  return seconds === undefined ? `${name} ${status}` : `${name} ${status} ${seconds.toFixed(1)} s`;
});
const failed = STEPS.filter(({ name }) => results.get(name).status === 'FAILED').map(({ name }) => name);
console.log(`\ncheck: ${parts.join(', ')}; in all ${secondsSince(began)} s`);
console.log(failed.length === 0 ? 'check: green' : `check: failed in ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** Takes one step after the other, first those that need not wait. */
async function lane() {
  while (waiting.length > 0) {
    const ready = waiting.findIndex(({ after }) => !asked.some(({ name }) => name === after) || results.has(after));
    const [step] = waiting.splice(Math.max(ready, 0), 1);
    await ended.get(step.after);
    ended.set(step.name, take(step));
    await ended.get(step.name);
  }
}

async function take({ name, args, alone }) {
  const start = performance.now();
  const title = `\n== ${name}: npm ${args.filter((arg) => arg !== '--silent').join(' ')}`;
  if (alone) console.log(title);
  const { code, said } = await run('npm', args, alone ? 'inherit' : 'pipe');
  if (!alone) process.stdout.write(`${title}\n${said}`);
  results.set(name, { status: code === 0 ? 'ok' : 'FAILED', seconds: Number(secondsSince(start)) });
}

function secondsSince(start) {
  return ((performance.now() - start) / 1000).toFixed(1);
}

function stepsAsked() {
  const { values } = parseArgs({ options: { only: { type: 'string' }, except: { type: 'string' } } });
  const known = STEPS.map(({ name }) => name);
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

/** Resolves to the exit code and, with `pipe`, all that was said; a process ended by a signal counts as failed. */
function run(command, args, output) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', output, output] });
    const said = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part) => said.push(part));
    child.once('error', (error) => {
      console.error(error.message);
      resolve({ code: 1, said: '' });
    });
    child.once('close', (code) => resolve({ code: code ?? 1, said: Buffer.concat(said).toString() }));
  });
}
