/**
 * `npm run bench`: every bench, one process each. `npm run bench -- success-path memory`: those.
 * Rows go to `bench/results.json`; a bench that was not run keeps the rows it had.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

const BENCHES = {
  'success-path': [],
  'in-flight': [],
  'open-circuit': [],
  observable: [],
  handler: [],
  memory: ['--expose-gc'],
  boot: [],
  http: [],
  health: [],
  'dead-letter': [],
  workflow: [],
};
const RESULTS = new URL('./results.json', import.meta.url);

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(`No bench '${unknown.join("', '")}'; there are: ${Object.keys(BENCHES).join(', ')}`);
  process.exit(1);
}
if (!existsSync(fileURLToPath(import.meta.resolve('@nest-resilience/core')))) {
  console.error('The packages are measured as users get them: run `npm run build` first');
  process.exit(1);
}

const failed = [];
for (const name of asked.length > 0 ? asked : Object.keys(BENCHES)) {
  const rows = await run(name);
  if (rows === undefined) failed.push(name);
  else save(name, rows);
}
summarize();
if (failed.length > 0) console.error(`\nDid not finish: ${failed.join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;

async function run(name) {
  const rows = [];
  const child = fork(new URL(`./${name}.mjs`, import.meta.url), { execArgv: BENCHES[name] });
  child.on('message', (row) => rows.push(row));
  const [code] = await once(child, 'close');
  return code === 0 ? rows : undefined;
}

function known() {
  return existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')).rows : [];
}

function save(name, rows) {
  const order = Object.keys(BENCHES);
  const all = [...known().filter(({ bench }) => bench !== name), ...rows];
  all.sort((a, b) => order.indexOf(a.bench) - order.indexOf(b.bench));
  const machine = { node: process.version, cpus: cpus().length };
  const date = new Date().toISOString();
  writeFileSync(RESULTS, `${JSON.stringify({ machine, date, rows: all }, undefined, 2)}\n`);
}

function summarize() {
  console.log('\nGoals');
  for (const { what, goals } of known()) {
    for (const { what: which, goal, value, unit, met } of goals) {
      console.log(`  ${met ? 'met   ' : 'MISSED'}  ${what}: ${value}${unit} ${which} (goal ${goal})`);
    }
  }
}
