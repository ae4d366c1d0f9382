/**
 * `npm run bench`: every bench, one process each. `npm run bench -- success-path memory`: those.
 * Rows go to `bench/results.json`; a bench that was not run keeps the rows it had.
 *
 * `npm run bench -- success-path --against ../before/libs/resilience`: this build of core and the one in that folder, in turns. Prints how
 * many times this one costs the other; nothing is written. A bench that starts processes of its own measures this build in both.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const BENCHES = {
  'success-path': [],
  'in-flight': [],
  'open-circuit': [],
  rotation: [],
  'real-io': [],
  keys: [],
  sync: [],
  observable: [],
  iterable: [],
  handler: [],
  memory: ['--expose-gc'],
  boot: [],
  http: [],
  health: [],
  'dead-letter': [],
  workflow: [],
  ledger: [],
  llm: [],
};
const RESULTS = new URL('./results.json', import.meta.url);
const OTHER_CORE = new URL('./harness/other-core.mjs', import.meta.url).href;

const COMPARED_ROUNDS = 5;

const { values, positionals: asked } = parseArgs({ allowPositionals: true, options: { against: { type: 'string' } } });
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
  if (values.against !== undefined) await compare(name, resolve(values.against));
  else {
    const rows = await run(name);
    if (rows === undefined) failed.push(name);
    else save(name, rows);
  }
}
if (values.against === undefined) summarize();
if (failed.length > 0) console.error(`\nDid not finish: ${failed.join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;

/** In turns, so that both meet the same machine; what the first peer costs in the same process is the measure of that. */
async function compare(name, folder) {
  const samples = new Map();
  for (let round = 0; round < COMPARED_ROUNDS; round++) {
    for (const side of round % 2 === 0 ? ['this', 'that'] : ['that', 'this']) {
      const rows = await run(name, side === 'that' ? folder : undefined);
      if (rows === undefined) return void failed.push(name);
      for (const { what, ours, peers } of rows) {
        const both = samples.get(what) ?? { this: [], that: [] };
        both[side].push({ wall: ours.median, cpu: ours.cpu, peer: peers[0]?.median ?? 1 });
        samples.set(what, both);
      }
    }
  }
  const middle = (numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1];
  const ratio = (both, of) => middle(both.this.map((one, round) => of(one) / of(both.that[round]))).toFixed(3);
  console.log(`\nThis build against ${folder}`);
  for (const [what, both] of samples) {
    const beside = ratio(both, ({ wall, peer }) => wall / peer);
    console.log(
      `  ${what}: ${ratio(both, ({ wall }) => wall)}x by the clock, ${ratio(both, ({ cpu }) => cpu)}x CPU, ${beside}x beside the peer`,
    );
  }
}

async function run(name, core) {
  const rows = [];
  const execArgv = [...BENCHES[name], ...(core === undefined ? [] : ['--import', OTHER_CORE])];
  const env = { ...process.env, ...(core !== undefined && { CORE_BUILD: core }) };
  const child = fork(new URL(`./${name}.mjs`, import.meta.url), { execArgv, env });
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
