const NUMBER = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
const BENCH = process.argv[1].replace(/^.*\//, '').replace(/\.mjs$/, '');

/** A number that must not be exceeded; `quiet` is the same number in the least disturbed rounds. */
export function atMost(limit, value, what, unit = '', quiet = undefined) {
  return { what, goal: `<= ${show(limit)}${unit}`, value, unit, quiet, met: value <= limit };
}

/** How much more a call of `name` costs than one of `bare`, in nanoseconds. */
export function atMostOver(limitNs, results, name, bare, what) {
  return atMost(limitNs, results.over(name, bare), what, ' ns', results.min(name) - results.min(bare));
}

/** A number that must be reached; `quiet` as above. */
export function atLeast(limit, value, what, unit = '', quiet = undefined) {
  return { what, goal: `>= ${show(limit)}${unit}`, value, unit, quiet, met: value >= limit };
}

/**
 * Prints one row and hands it to `bench/run.mjs`.
 * @param row `{ what, unit, ours, results, goals }`: `ours` is the name of our contender in `results`
 */
export function report({ what, unit, ours, results, goals }) {
  const scores = results.names.map((name) => ({
    name,
    median: round(results.median(name)),
    min: round(results.min(name)),
    ...(results.cpu !== undefined && { cpu: round(results.cpu.median(name)) }),
    oursOverThis: round(results.ratio(ours, name)),
  }));
  const checked = goals.map(({ quiet, ...goal }) => ({
    ...goal,
    value: round(goal.value),
    ...(quiet !== undefined && { quiet: round(quiet) }),
  }));
  print(what, unit, ours, scores, checked);
  const row = {
    bench: BENCH,
    what,
    unit,
    ours: scores.find(({ name }) => name === ours),
    peers: scores.filter(({ name }) => name !== ours),
    goals: checked,
    met: checked.every(({ met }) => met),
  };
  process.send?.(row);
}

function print(what, unit, ours, scores, goals) {
  const width = Math.max(...scores.map(({ name }) => name.length)) + 2;
  const line = (name, ...cells) => `  ${name.padEnd(width)}${cells.map((cell) => cell.padStart(12)).join('')}`;
  console.log(`\n${what}`);
  console.log(line('', `median ${unit}`, 'min', 'CPU', 'ours/this'));
  for (const { name, median, min, cpu, oursOverThis } of scores) {
    const ratio = name === ours ? '' : `${show(oursOverThis)}x`;
    console.log(line(name, show(median), show(min), cpu === undefined ? '' : show(cpu), ratio));
  }
  for (const { what: which, goal, value, unit: of, quiet, met } of goals) {
    const atBest = quiet === undefined ? '' : `; least disturbed rounds ${show(quiet)}${of}`;
    console.log(`  ${met ? 'met   ' : 'MISSED'}  ${which}: ${show(value)}${of} (goal ${goal}${atBest})`);
  }
}

function show(value) {
  return NUMBER.format(value);
}

/** Four digits say more than this machine knows. */
function round(value) {
  return Number(value.toPrecision(4));
}
