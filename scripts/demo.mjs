/**
 * `npm run demo`: 120 real mails go through the workflow `inbox-triage` while its models and its downstreams fail.
 * Ends with 0 only if all of them ended, every one is accounted for and no dead letter is left.
 */
import { execFileSync } from 'node:child_process';
import { access, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { watchCircuits } from '../examples/demo/circuits.mjs';
import { pause, ServiceClient } from '../examples/demo/client.mjs';
import { startDownstreams } from '../examples/demo/downstreams.mjs';
import { MAIL_EVERY_MS, PHASES } from '../examples/demo/phases.mjs';
import { startProgress } from '../examples/demo/progress.mjs';
import { printReport, summarise, unaccounted } from '../examples/demo/report.mjs';
import { startService } from '../examples/demo/service.mjs';
import { startSimulators } from '../examples/demo/simulators.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const WORKFLOW = 'inbox-triage';
const IN_FLIGHT = 10;
const EXECUTION_WITHIN_MS = 60_000;
const REDRIVE_WITHIN_MS = 20_000;
const ADMIN_TOKEN = 'only-for-the-demo';

await access(join(root, 'dist/main.js')).catch(() => {
  console.log('building first: npm run build');
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
});
process.exitCode = await demo();

async function demo() {
  const began = performance.now();
  const directory = await mkdtemp(join(tmpdir(), 'nest-resilience-demo-'));
  const mails = await readMails();
  const simulators = await startSimulators();
  const downstreams = await startDownstreams();
  const service = await startService({ directory, env: serviceEnvironment({ directory, simulators, downstreams }) });
  const client = new ServiceClient({ url: service.url, token: ADMIN_TOKEN });
  const circuits = watchCircuits(client);
  let clean = false;
  try {
    console.log(
      `${mails.length} mails to ${service.url}/workflows/${WORKFLOW}/executions, at most ${IN_FLIGHT} at a time`,
    );
    const executions = await sendInPhases({ mails, simulators, downstreams, client });
    const deadLetters = await redriveToZero(client);
    const redriven = await Promise.all(executions.map(({ id }) => client.execution(id)));
    const run = { executions, redriven, deadLetters, downstreams, mails: mails.length };
    const seconds = (performance.now() - began) / 1000;
    printReport(summarise({ ...run, circuits: circuits.stop(), seconds }));
    const problems = unaccounted(run);
    for (const problem of problems) console.error(`not as it should be: ${problem}`);
    clean = problems.length === 0;
    if (clean)
      console.log(`${mails.length} of ${mails.length} executions ended, all accounted for, no dead letter left.`);
    return clean ? 0 : 1;
  } finally {
    circuits.stop();
    await service.stop();
    await Promise.all([simulators.stop(), downstreams.stop()]);
    if (clean) await rm(directory, { recursive: true, force: true });
    else console.error(`data and log of the service: ${directory}`);
  }
}

async function readMails() {
  const inbox = join(root, 'examples/inbox');
  const files = (await readdir(inbox)).filter((file) => file.endsWith('.eml')).sort();
  // Neighbours in the folder are of one kind; every seventh makes each phase a mixture.
  const mixed = files.map((_, index) => files[(index * 7) % files.length]);
  return Promise.all(mixed.map(async (file) => ({ file, raw: await readFile(join(inbox, file), 'utf8') })));
}

function serviceEnvironment({ directory, simulators, downstreams }) {
  return {
    NODE_ENV: 'production',
    DATA_DIR: directory,
    ADMIN_TOKEN,
    OPENAI_API_KEY: 'simulated',
    OPENAI_BASE_URL: `${simulators.primary.url}/v1`,
    OPENAI_MODEL: 'gpt-4o-mini',
    ANTHROPIC_API_KEY: 'simulated',
    ANTHROPIC_BASE_URL: `${simulators.secondary.url}/v1`,
    ANTHROPIC_MODEL: 'claude-haiku-4-5',
    OLLAMA_BASE_URL: '',
    OLLAMA_MODEL: '',
    // A demo has seconds where production has minutes.
    LLM_TIMEOUT: '1500ms',
    LLM_RETRY_BASE_DELAY: '100ms',
    LLM_CIRCUIT_WINDOW: '5s',
    LLM_CIRCUIT_RECOVERY: '2s',
    ARCHIVE_URL: `${downstreams.url}/archive`,
    DESK_URL: `${downstreams.url}/desk`,
  };
}

async function sendInPhases({ mails, simulators, downstreams, client }) {
  const progress = startProgress(mails.length);
  const executions = [];
  const share = Math.ceil(mails.length / PHASES.length);
  for (const [index, phase] of PHASES.entries()) {
    await simulators.setFaults(phase.llm);
    downstreams.archive.down = phase.archiveDown ?? false;
    downstreams.desk.down = phase.deskDown ?? false;
    progress.phase(phase.title);
    const waiting = mails.slice(index * share, (index + 1) * share);
    let nextAt = performance.now();
    const worker = async () => {
      for (let mail = waiting.shift(); mail; mail = waiting.shift()) {
        nextAt = Math.max(nextAt + (phase.mailEveryMs ?? MAIL_EVERY_MS), performance.now());
        await pause(nextAt - performance.now());
        const id = await client.submit(WORKFLOW, { raw: mail.raw }, mail.file);
        executions.push(await client.ended(id, EXECUTION_WITHIN_MS));
        progress.tick();
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  }
  progress.stop();
  return executions;
}

/** A redrive may meet a circuit that is still open, so it is asked for until nothing is left or the time is up. */
async function redriveToZero(client) {
  const before = await client.openDeadLetters();
  const deadline = performance.now() + REDRIVE_WITHIN_MS;
  let after = before;
  while (after.length > 0 && performance.now() < deadline) {
    await client.redriveAll();
    after = await client.openDeadLetters();
    if (after.length > 0) await pause(500);
  }
  return { before, after };
}
