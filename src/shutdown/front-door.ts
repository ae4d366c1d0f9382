import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

/** However many go on coming: whoever sends them has had the whole delay to notice. Not a time, which a busy machine may take. */
const LET_IN_TURNS = 1_000;

/** Probes are answered to the end, by what knows the answer. */
const PROBE = /^\/health(\/|$)/;

const BODY = JSON.stringify({
  type: 'urn:nest-resilience:problem:resilience-shutdown',
  title: 'Service Unavailable',
  status: 503,
  detail: 'This process is shutting down; ask again, and another one or the next one answers.',
  code: 'RESILIENCE_SHUTDOWN',
});

/** Who comes in when the process leaves: each is told so, and nobody is left standing in the queue of the listener. */
export class FrontDoor {
  private readonly sockets = new Set<Socket>();
  private arrived = 0;
  private isShut = false;

  constructor(server: Server) {
    server.on('connection', (socket) => {
      this.arrived++;
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    // Nest closes the server when all hooks have run. The kernel resets what has not been accepted by then.
    const close = server.close.bind(server);
    server.close = (done) => {
      void this.letIn().then(() => close(done));
      return server;
    };
  }

  /** From here on new requests are refused; those that were taken go on. */
  shut(): void {
    this.isShut = true;
  }

  /** Before everything else that handles requests. */
  readonly guard = (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    if (!this.isShut || PROBE.test(request.url ?? '')) return next();
    response.writeHead(503, {
      ...{ connection: 'close', 'retry-after': '1', 'content-type': 'application/problem+json; charset=utf-8' },
      'content-length': Buffer.byteLength(BODY),
    });
    response.write(BODY);
    // A connection that is ended while its request still comes in is reset, and with it the answer.
    const end = (): void => void response.end();
    request.once('end', end).once('close', end).resume();
  };

  /** Ends what is still connected: who sends or reads slowly must not keep the process up. Upgraded connections too. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Until a turn of the event loop has brought nobody. */
  private async letIn(): Promise<void> {
    // The first ends the turn that is under way, which may have looked at the listener before this was called.
    await turn();
    for (let turns = 0, before = -1; before !== this.arrived && turns < LET_IN_TURNS; turns++) {
      before = this.arrived;
      await turn();
    }
  }
}
