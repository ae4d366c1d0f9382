/** Writes the figures of `bench/results.json` into README.md, between its two `bench` markers: `node bench/readme.mjs`. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const { machine, rows } = JSON.parse(await readFile(at('results.json'), 'utf8'));

const number = (value, unit) => {
  const digits = value < 10 ? value.toPrecision(2) : Math.round(value).toLocaleString('en');
  return `${digits}${unit === 'x' ? 'x' : ` ${unit}`}`;
};

const line = ({ what, unit, ours, peers, goals }) => {
  const others = peers
    .filter(({ name }) => !name.startsWith('ours'))
    .map(({ name, median }) => `${name} ${number(median, unit)}`);
  const judged = goals.map(
    ({ what, goal, value, unit, met }) =>
      `${number(value, unit.trim())} ${what} (goal ${goal}: ${met ? 'met' : '**missed**'})`,
  );
  return `| ${what} | ${number(ours.median, unit)} | ${judged.join('; ')} | ${others.join('; ')} |`;
};

const table = [
  `| what (median; Node ${machine.node}, ${machine.cpus} shared cores) | ours | against the goal | others in the same run |`,
  '| --- | --- | --- | --- |',
  ...rows.map(line),
].join('\n');

const readme = await readFile(at('../README.md'), 'utf8');
const marked = /(<!-- bench:begin -->\n)[\s\S]*?(\n<!-- bench:end -->)/;
if (!marked.test(readme)) throw new Error('README.md has no bench:begin and bench:end markers');
await writeFile(
  at('../README.md'),
  readme.replace(marked, (_, begin, end) => `${begin}\n${table}\n${end}`),
);
