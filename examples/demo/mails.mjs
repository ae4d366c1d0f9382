/** What both demos do: 120 mails through the workflow `inbox-triage`, phase by phase, and every dead letter back into it. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pause } from './client.mjs';
import { MAIL_EVERY_MS, PHASES } from './phases.mjs';
import { startProgress } from './progress.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const WORKFLOW = 'inbox-triage';
export const IN_FLIGHT = 10;
export const ADMIN_TOKEN = 'only-for-the-demo';
const EXECUTION_WITHIN_MS = 60_000;
const REDRIVE_WITHIN_MS = 20_000;

export async function readMails() {
  const inbox = join(root, 'examples/inbox');
  const files = (await readdir(inbox)).filter((file) => file.endsWith('.eml')).sort();
  // Neighbours in the folder are of one kind; every seventh makes each phase a mixture.
  const mixed = files.map((_, index) => files[(index * 7) % files.length]);
  return Promise.all(mixed.map(async (file) => ({ file, raw: await readFile(join(inbox, file), 'utf8') })));
}

export function serviceEnvironment({ directory, simulators, downstreams }) {
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

/** @param {(phase: number) => void} [onPhase] called when the mails of a phase begin */
export async function sendInPhases({ mails, simulators, downstreams, client, onPhase = () => {} }) {
  const progress = startProgress(mails.length);
  const executions = [];
  const share = Math.ceil(mails.length / PHASES.length);
  for (const [index, phase] of PHASES.entries()) {
    await simulators.setFaults(phase.llm);
    downstreams.archive.down = phase.archiveDown ?? false;
    downstreams.desk.down = phase.deskDown ?? false;
    progress.phase(phase.title);
    onPhase(index);
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
export async function redriveToZero(client) {
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
