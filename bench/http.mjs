/** What a request costs a Nest application whose handler is protected, against one whose handler is not. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';

import { atLeast, report } from './harness/report.mjs';
import { Results } from './harness/statistics.mjs';

const CONNECTIONS = 20;
const REQUESTS = 1_000;
const WARM_UP_ROUNDS = 6;
const ROUNDS = 60;
const PLAIN = 'no interceptor';
const PASSING = 'an interceptor that does nothing';
const OURS = 'ours: interceptor, all five policies';

// A process each, so that none sees what another one's code has made of shared shapes.
const servers = [
  await startServer(PLAIN, 'none'),
  await startServer(PASSING, 'passing'),
  await startServer(OURS, 'five'),
];
const results = new Results();
for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
  const order = round % 2 === 0 ? servers : [...servers].reverse();
  for (const { name, port } of order) {
    const us = await load(port);
    if (round >= 0) results.add(name, us);
  }
}
for (const { child } of servers) child.disconnect();

report({
  what: 'HTTP request, Express, loopback, keep-alive, 20 connections',
  unit: 'us',
  ours: OURS,
  results,
  goals: [
    atLeast(
      0.98,
      results.ratio(PASSING, OURS),
      'requests per second of one with an interceptor that does nothing',
      'x',
    ),
  ],
});

async function startServer(name, policies) {
  const child = fork(new URL('./http.server.mjs', import.meta.url), [policies]);
  const [port] = await once(child, 'message');
  return { name, child, port };
}

/** Microseconds per request. */
async function load(port) {
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(port)));
  const startedAt = performance.now();
  await Promise.all(sockets.map((socket) => requests(socket, REQUESTS / CONNECTIONS)));
  const us = (performance.now() - startedAt) * 1000;
  for (const socket of sockets) socket.destroy();
  return us / REQUESTS;
}

async function open(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** One after the other. Bare sockets, since a real HTTP client costs as much as the server it measures. */
function requests(socket, count) {
  const request = 'GET /users/7 HTTP/1.1\r\nHost: localhost\r\n\r\n';
  let answered = 0;
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk) => {
      // The answer is far smaller than a segment, so it comes in one piece.
      if (!chunk.toString('latin1').startsWith('HTTP/1.1 200 OK')) return reject(new Error(`Answered ${chunk}`));
      if (++answered === count) resolve();
      else socket.write(request);
    });
    socket.on('error', reject);
    socket.write(request);
  });
}
