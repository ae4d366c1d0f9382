/** What the service delivers to: a mail archive and a triage desk, which can be down. */
import { createServer } from 'node:http';
import { once } from 'node:events';

/** @returns {Promise<{ url: string, archive: Downstream, desk: Downstream, stop: () => Promise<void> }>} */
export async function startDownstreams() {
  const archive = new Downstream();
  const desk = new Downstream();
  const routes = { '/archive': archive, '/desk': desk };
  const server = createServer((request, response) => {
    // The body is read to its end, as by any server that keeps connections alive.
    request.resume().once('end', () => {
      const status = routes[request.url]?.take(request.headers['idempotency-key']) ?? 404;
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(status < 300 ? '{"ok":true}' : '{"error":"unavailable"}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    archive,
    desk,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

class Downstream {
  down = false;
  refused = 0;
  /** Times the same delivery came again; its effect happened once. */
  repeated = 0;
  #keys = new Set();

  get distinct() {
    return this.#keys.size;
  }

  take(key) {
    if (this.down) {
      this.refused += 1;
      return 503;
    }
    if (this.#keys.has(key)) this.repeated += 1;
    this.#keys.add(key);
    return 201;
  }
}
