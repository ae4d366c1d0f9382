import type { IncomingMessage, Server, ServerResponse } from 'node:http';

export interface HttpLimits {
  /** Connections at once; further ones are not let in. */
  readonly connections: number;
  readonly headersTimeoutMs: number;
  /** For the whole body. Who {@link mayTakeTime} has it anew with everything that comes. */
  readonly requestTimeoutMs: number;
  readonly mayTakeTime: (request: IncomingMessage) => boolean;
}

const CHECK_EVERY_MS = 5_000;

const BODY = JSON.stringify({
  type: 'urn:nest-resilience:problem:request-timeout',
  title: 'Request Timeout',
  status: 408,
  detail: 'The body did not come to its end in time; send it faster or in parts, or raise HTTP_REQUEST_TIMEOUT.',
  code: 'HTTP_408',
});

/**
 * Bounds what clients that send slowly can hold. Says nothing about answers: those that are waited for and streams of events take
 * as long as they take. Call it before the server listens.
 */
export function limitSlowClients(server: Server, limits: HttpLimits): void {
  const { connections, headersTimeoutMs, requestTimeoutMs } = limits;
  Object.assign(server, {
    maxConnections: connections,
    headersTimeout: headersTimeoutMs,
    // Node's own would cut an import that goes on, so bodies have a time below.
    requestTimeout: 0,
    // Read by Node when the server begins to listen.
    connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, headersTimeoutMs),
  });
  // Before the application, which takes headers away from bodies that it will not read.
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined) return;
    const mayGoOn = limits.mayTakeTime(request);
    let seen = request.socket.bytesRead;
    const timer = setInterval(() => {
      // What waits to be read by us is not the client's fault.
      const goesOn = request.socket.bytesRead > seen || request.readableLength > 0;
      seen = request.socket.bytesRead;
      if (!(mayGoOn && goesOn)) refuse(request, response);
    }, requestTimeoutMs);
    timer.unref();
    // Who was answered early may still be sending.
    const over = (): void => void (request.complete && clearInterval(timer));
    request.once('end', over);
    response.once('close', over);
    request.socket.once('close', () => clearInterval(timer));
  });
}

function refuse(request: IncomingMessage, response: ServerResponse): void {
  if (response.headersSent) return void request.socket.destroy();
  response.writeHead(408, {
    ...{ connection: 'close', 'content-type': 'application/problem+json; charset=utf-8' },
    'content-length': Buffer.byteLength(BODY),
  });
  response.end(BODY, () => request.socket.destroySoon());
}
