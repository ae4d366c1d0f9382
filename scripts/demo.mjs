/**
 * `npm run demo`: 120 real mails go through the workflow `inbox-triage` while its models and its downstreams fail.
 * Ends with 0 only if all of them ended, every one is accounted for and no dead letter is left.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { watchCircuits } from '../examples/demo/circuits.mjs';
import { ServiceClient } from '../examples/demo/client.mjs';
import { startDownstreams } from '../examples/demo/downstreams.mjs';
import {
  ADMIN_TOKEN,
  IN_FLIGHT,
  readMails,
  redriveToZero,
  sendInPhases,
  serviceEnvironment,
  WORKFLOW,
} from '../examples/demo/mails.mjs';
import { printReport, summarise, unaccounted } from '../examples/demo/report.mjs';
import { ensureBuilt, startService } from '../examples/demo/service.mjs';
import { startSimulators } from '../examples/demo/simulators.mjs';

await ensureBuilt();
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
