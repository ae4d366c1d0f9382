import type { IncomingMessage, Server, ServerResponse } from 'node:http';

const NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** What Swagger's page needs: files of its own, inline styles, and requests to the service. */
const OPENAPI = [
  ...[
    NOTHING,
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
  ],
  "connect-src 'self'",
].join('; ');

const OPENAPI_PAGE = /^\/openapi(\/|\?|$)/;

/** On every answer, whoever gives it. */
export function secureAnswers(server: Server): void {
  server.prependListener('request', ({ url = '' }: IncomingMessage, response: ServerResponse) => {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Content-Security-Policy', OPENAPI_PAGE.test(url) ? OPENAPI : NOTHING);
  });
}
