/** What `GET /health/ready` costs while a provider that is checked hangs, against one that answers. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';

import { atMost, report } from './harness/report.mjs';
import { Results } from './harness/statistics.mjs';

const REQUESTS = 300;
const WARM_UP_ROUNDS = 6;
const ROUNDS = 60;
const HEALTHY = 'provider answers';
const AGAIN = 'provider answers, a second process';
const HANGS = 'ours: provider hangs';

const provider = createServer((request, response) => {
  if (request.url === '/answers') response.end('here');
});
provider.listen(0, '127.0.0.1');
await once(provider, 'listening');
const url = `http://127.0.0.1:${provider.address().port}`;

const servers = [
  await startServer(HEALTHY, `${url}/answers`),
  await startServer(AGAIN, `${url}/answers`),
  await startServer(HANGS, `${url}/hangs`),
];
const medians = new Results();
const slowest = new Results();
for (const { name } of servers) for (const results of [medians, slowest]) results.byName.set(name, []);
for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
  for (let turn = 0; turn < servers.length; turn++) {
    const { name, port } = servers[(Math.abs(round) + turn) % servers.length];
    const times = await load(port);
    if (round < 0) continue;
    medians.add(name, times[Math.floor(times.length * 0.5)]);
    slowest.add(name, times[Math.floor(times.length * 0.99)]);
  }
}
for (const { child } of servers) child.disconnect();
provider.close();
provider.closeAllConnections();

report({
  what: 'GET /health/ready, Express, loopback, keep-alive, median of a round',
  unit: 'us',
  ours: HANGS,
  results: medians,
  goals: [atMost(1.1, medians.ratio(HANGS, HEALTHY), 'of the same while the provider answers', 'x')],
});
const repeated = [HEALTHY, AGAIN].flatMap((name) => slowest.samples(name));
report({
  what: 'GET /health/ready, Express, loopback, keep-alive, 99th percentile of a round',
  unit: 'us',
  ours: HANGS,
  results: slowest,
  goals: [atMost(Math.max(...repeated), slowest.median(HANGS), 'within the spread of healthy rounds', ' us')],
});

async function startServer(name, asked) {
  const child = fork(new URL('./health.server.mjs', import.meta.url), [asked]);
  const [port] = await once(child, 'message');
  return { name, child, port };
}

/** Microseconds of each request, sorted. Bare sockets, since a real HTTP client costs as much as the server it measures. */
async function load(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const times = [];
  for (let i = 0; i < REQUESTS; i++) {
    const startedAt = performance.now();
    socket.write('GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n');
    // The answer is smaller than a segment, so it comes in one piece.
    const [chunk] = await once(socket, 'data');
    times.push((performance.now() - startedAt) * 1000);
    if (!chunk.toString('latin1').startsWith('HTTP/1.1 200 OK')) throw new Error(`Answered ${chunk}`);
  }
  socket.destroy();
  return times.sort((a, b) => a - b);
}
