/**
 * `npm run demo:cluster`: the 120 mails of the demo go to three replicas on one PostgreSQL and one Redis. Meanwhile one replica is killed, Redis
 * loses everything, and one replica is replaced by a newer release. Ends with 0 only if all of them ended once and nothing is left.
 */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { createJiti } from 'jiti';
import { watchCircuits } from '../examples/demo/circuits.mjs';
import { DoorClient } from '../examples/demo/door.mjs';
import { startDownstreams } from '../examples/demo/downstreams.mjs';
import {
  ADMIN_TOKEN,
  readMails,
  redriveToZero,
  sendInPhases,
  serviceEnvironment,
  WORKFLOW,
} from '../examples/demo/mails.mjs';
import { printReport, summarise, unaccounted } from '../examples/demo/report.mjs';
import { ensureBuilt, startService } from '../examples/demo/service.mjs';
import { startSimulators } from '../examples/demo/simulators.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const load = createJiti(import.meta.url);
const { startPostgres } = await load.import('../test/servers/postgres.server.ts');
const { startRedisServer } = await load.import('../test/servers/redis.server.ts');

await ensureBuilt();
process.exitCode = await demo();

async function demo() {
  const began = performance.now();
  const directory = await mkdtemp(join(tmpdir(), 'nest-resilience-cluster-'));
  const [mails, simulators, downstreams] = [await readMails(), await startSimulators(), await startDownstreams()];
  const [database, redis] = [
    await startPostgres(),
    await startRedisServer(['--appendonly', 'yes', '--dir', directory]),
  ];
  const releases = await writeReleases(directory);
  const replicas = new Map();
  let made = 0;
  const start = async (release) => {
    const name = `replica-${++made}`;
    const home = join(directory, name);
    await mkdir(home);
    const env = {
      ...serviceEnvironment({ directory: home, simulators, downstreams }),
      ...{ DATABASE_URL: database.url, REDIS_URL: redis.url, CLUSTER: 'redis', REPLICA_ID: name, TRANSPORT: 'none' },
      ...{ EXECUTION_LEASE: '5s', WORKFLOWS_DIR: releases[release], SHUTDOWN_TIMEOUT: '3s' },
    };
    replicas.set(name, await startService({ directory: home, env }));
    return name;
  };
  const names = await Promise.all([start('older'), start('older'), start('older')]);
  const client = new DoorClient({ urls: () => [...replicas.values()].map(({ url }) => url), token: ADMIN_TOKEN });
  const circuits = watchCircuits(client);
  const faults = [];
  const strike = {
    1: async () => {
      await replicas.get(names[0]).kill();
      replicas.delete(names[0]);
      return `${names[0]} was killed`;
    },
    2: async () => {
      const admin = new Redis(redis.url);
      await admin.flushall();
      admin.disconnect();
      return 'Redis lost everything';
    },
    3: async () => {
      const newer = await start('newer');
      const left = replicas.get(names[1]);
      replicas.delete(names[1]);
      await left.stop();
      return `${names[1]} went, ${newer} came with a newer version of '${WORKFLOW}'`;
    },
  };
  let clean = false;
  try {
    console.log(`${mails.length} mails to ${names.length} replicas on one PostgreSQL and one Redis`);
    const onPhase = (phase) => strike[phase] && faults.push(strike[phase]());
    const executions = await sendInPhases({ mails, simulators, downstreams, client, onPhase });
    for (const words of await Promise.all(faults)) console.log(`meanwhile: ${words}`);
    const deadLetters = await redriveToZero(client);
    const redriven = await Promise.all(executions.map(({ id }) => client.execution(id)));
    const run = { executions, redriven, deadLetters, downstreams, mails: mails.length };
    printReport(summarise({ ...run, circuits: circuits.stop(), seconds: (performance.now() - began) / 1000 }));
    const cluster = await client.cluster();
    for (const { id, alive, running } of cluster.replicas)
      console.log(`${id}: ${alive ? `alive, ${running} at work` : 'gone'}`);
    const versions = new Set(redriven.map(({ version }) => version));
    const resumed = redriven.filter(({ resumes }) => resumes > 0).length;
    console.log(
      `${versions.size} versions of '${WORKFLOW}' ran; ${resumed} executions went on after a fault or a redrive`,
    );
    const problems = unaccounted(run);
    if (cluster.queue?.waiting !== 0) problems.push(`still waiting: ${JSON.stringify(cluster.queue)}`);
    if (faults.length !== Object.keys(strike).length) problems.push('not every fault happened');
    for (const problem of problems) console.error(`not as it should be: ${problem}`);
    clean = problems.length === 0;
    if (clean) console.log(`${mails.length} of ${mails.length} executions ended, each once, no dead letter left.`);
    return clean ? 0 : 1;
  } finally {
    circuits.stop();
    await Promise.all([...replicas.values()].map((replica) => replica.stop()));
    await Promise.all([simulators.stop(), downstreams.stop(), redis.stop(), database.stop()]);
    if (clean) await rm(directory, { recursive: true, force: true });
    else console.error(`data and logs of the replicas: ${directory}`);
  }
}

/** The workflows as they are, and a release later. */
async function writeReleases(directory) {
  const releases = { older: join(directory, 'older'), newer: join(directory, 'newer') };
  for (const release of Object.values(releases)) await cp(join(root, 'workflows'), release, { recursive: true });
  const file = join(releases.newer, `${WORKFLOW}.yaml`);
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/^description: /m, 'description: (newer) '));
  return releases;
}
