/** Counts what happened from the ledgers, and says what is not accounted for. */
import Table from 'cli-table3';

/** Nodes that a language model serves. */
const LLM_NODES = ['classify', 'summarise', 'draft'];

/**
 * @param {{ executions: object[], redriven: object[], deadLetters: { before: object[], after: object[] },
 *   circuits: Map<string, number>, downstreams: object, seconds: number }} run
 *   `executions` as they ended first, `redriven` the same ones after the redrive
 */
export function summarise(run) {
  const byOutcome = countBy(run.executions, outcomeOf);
  const nodes = run.redriven.flatMap(({ nodes }) => nodes);
  const llmNodes = nodes.filter(({ node, status }) => LLM_NODES.includes(node) && status === 'succeeded');
  const tries = nodes.flatMap(({ attempts }) => attempts).flatMap(({ tries = [] }) => tries);
  const durations = run.executions.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
  return {
    ...run,
    byOutcome,
    byOutcomeAfter: countBy(run.redriven, outcomeOf),
    byProvider: countBy(llmNodes, ({ provider, providerLevel }) => `level ${providerLevel}: ${provider}`),
    heldUp: countBy(
      tries.filter(({ outcome }) => outcome !== 'ok'),
      ({ provider, outcome, reason }) =>
        `${provider}: ${outcome === 'rejected' ? 'circuit open' : (reason ?? outcome)}`,
    ),
    retries: nodes.reduce((sum, { retryCount }) => sum + retryCount, 0),
    p50: percentile(durations, 50),
    p95: percentile(durations, 95),
  };
}

/** @returns {string[]} why the demo is no success; empty when every mail is accounted for */
export function unaccounted({ executions, redriven, deadLetters, downstreams, mails }) {
  const problems = [];
  const expect = (what, actual, wanted) => {
    if (actual !== wanted) problems.push(`${what}: ${actual} instead of ${wanted}`);
  };
  expect('executions that ended', executions.length, mails);
  expect('different executions', new Set(executions.map(({ id }) => id)).size, mails);
  const lost = executions.filter(({ status, deadLetterId }) => status !== 'succeeded' && !deadLetterId);
  if (lost.length > 0) problems.push(`failed without a dead letter: ${lost.map(({ id }) => id).join(', ')}`);
  if (deadLetters.before.length === 0) problems.push('no fault ever made a dead letter: the demo proved nothing');
  expect('dead letters left after the redrive', deadLetters.after.length, 0);
  expect(
    'executions succeeded after the redrive',
    redriven.filter(({ status }) => status === 'succeeded').length,
    mails,
  );
  expect('mails in the archive', downstreams.archive.distinct, mails);
  expect('triages on the desk', downstreams.desk.distinct, mails);
  return problems;
}

export function printReport(report) {
  const table = new Table({
    head: ['', 'count'],
    style: { head: [], border: [] },
    colAligns: ['left', 'right'],
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
  const section = (title, counts) => {
    table.push([title, '']);
    for (const [name, count] of Object.entries(counts)) table.push([`  ${name}`, String(count)]);
  };
  section('Executions by outcome', report.byOutcome);
  section('... after the redrive', report.byOutcomeAfter);
  section('LLM answers by fallback level', report.byProvider);
  section('What stood in the way', report.heldUp);
  section('Policies', {
    retries: report.retries,
    'circuit openings': [...report.circuits.values()].reduce((sum, count) => sum + count, 0),
    ...Object.fromEntries([...report.circuits].sort().map(([name, count]) => [`  ${name}`, count])),
  });
  section('Dead letters', {
    'before the redrive': report.deadLetters.before.length,
    ...countBy(report.deadLetters.before, ({ queue, target }) => `  ${queue}: ${target}`),
    'after the redrive': report.deadLetters.after.length,
  });
  section('Delivered', {
    'mails in the archive': report.downstreams.archive.distinct,
    'triages on the desk': report.downstreams.desk.distinct,
    'refused while they were down': report.downstreams.archive.refused + report.downstreams.desk.refused,
  });
  section('Time', {
    'p50 of an execution': ms(report.p50),
    'p95 of an execution': ms(report.p95),
    'whole demo': `${report.seconds.toFixed(1)} s`,
  });
  console.log(`\n${table.toString()}`);
}

function outcomeOf({ status, degraded }) {
  return status === 'succeeded' && degraded ? 'succeeded, degraded' : status;
}

function countBy(items, keyOf) {
  const counts = {};
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => a.localeCompare(b)));
}

/** Nearest rank. */
function percentile(sorted, percent) {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
}

function ms(value) {
  return `${Math.round(value)} ms`;
}
