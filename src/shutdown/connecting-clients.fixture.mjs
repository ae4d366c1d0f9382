// Clients in a thread of their own: they connect and ask while the thread of the server does nothing at all.
import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const { port, clients, flag, request } = workerData;
const waiting = new Int32Array(flag);

const answers = Array.from(
  { length: clients },
  () =>
    new Promise((resolve) => {
      let answer = '';
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(request, () => {
          if (Atomics.add(waiting, 0, 1) + 1 === clients) Atomics.notify(waiting, 0);
        });
      });
      socket.on('data', (chunk) => (answer += chunk));
      socket.on('error', (error) => (answer += error.code));
      socket.on('close', () => resolve(answer));
    }),
);
parentPort.postMessage(await Promise.all(answers));
