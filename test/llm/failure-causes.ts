import type { LLMock } from '@copilotkit/aimock';
import type { LlmProviderOptions } from '@nest-resilience/llm';
import type { Mode } from './failure-table.js';
import { type Answer, drip, openEvents, type Wire, WIRES } from './raw-vendor.js';

/** How the failure of one row of the table is brought about. */
export interface Cause {
  /** At the simulated vendor. */
  readonly mock?: (vendor: LLMock, wire: Wire) => void;
  /** Instead of the simulated vendor, where it cannot do this. */
  readonly raw?: (wire: Wire, mode: Mode) => Answer;
  /** Laid over the failing target's options. */
  readonly options?: Partial<LlmProviderOptions>;
  /** The caller leaves as soon as the request is there. */
  readonly abort?: true;
}

interface Refusal {
  readonly status: number;
  readonly message?: string;
  readonly code?: string;
  readonly type?: string;
  readonly retryAfter?: number;
}

const refusing = ({ status, retryAfter, message = 'no', ...error }: Refusal): Cause => ({
  mock: (vendor) =>
    vendor.onMessage(/./, { status, error: { message, ...error }, ...(retryAfter !== undefined && { retryAfter }) }),
});

const answering =
  (status: number, body: string | object, type = 'application/json'): NonNullable<Cause['raw']> =>
  () =>
  (response) =>
    void response
      .writeHead(status, { 'content-type': type })
      .end(typeof body === 'string' ? body : JSON.stringify(body));

/** What gateways answer with 200, because they have reached their upstream. */
const inside = (code: number, message: string): Cause => ({ raw: answering(200, { error: { code, message } }) });

/** Short, because three attempts wait for it; on the failing target only, so that a slow machine cannot fail the next one. */
const SHORT = { timeout: { each: 150, firstToken: 150, idle: 150 } } as const;
const TEXT = 'Once upon a time ';
const TEN_MEGABYTES = 'x'.repeat(10 * 1024 * 1024);

export const CAUSES: Readonly<Record<string, Cause>> = {
  'rate-limit': refusing({ status: 429, message: 'Rate limit reached', code: 'rate_limit_exceeded', retryAfter: 0 }),
  'rate-limit-long': refusing({ status: 429, message: 'Rate limit reached', retryAfter: 60 }),
  'rate-limit-absurd': refusing({ status: 429, message: 'Rate limit reached', retryAfter: 31_536_000 }),
  quota: {
    mock: (vendor, wire) =>
      vendor.onMessage(
        /./,
        wire === 'openai'
          ? {
              status: 429,
              retryAfter: 0,
              error: { message: 'You exceeded your current quota', code: 'insufficient_quota' },
            }
          : { status: 400, error: { message: 'Your credit balance is too low', type: 'invalid_request_error' } },
      ),
  },
  overloaded: {
    mock: (vendor, wire) =>
      vendor.onMessage(/./, {
        status: wire === 'openai' ? 503 : 529,
        error: { message: 'Overloaded', type: 'overloaded_error' },
      }),
  },
  'server-error': refusing({ status: 500, message: 'boom', type: 'api_error' }),
  auth: refusing({ status: 401, message: 'Incorrect API key', type: 'authentication_error' }),
  permission: refusing({ status: 403, message: 'Not for you', type: 'permission_error' }),
  'model-gone': refusing({ status: 404, message: 'The model does not exist', type: 'not_found_error' }),
  'bad-request': refusing({ status: 400, message: 'Invalid parameter', type: 'invalid_request_error' }),
  'context-length': {
    ...refusing({ status: 400, message: 'prompt is too long: 210000 tokens', code: 'context_length_exceeded' }),
    options: { contextWindow: 8_000 },
  },
  'content-policy': refusing({
    status: 400,
    message: 'Blocked by our content policy',
    code: 'content_policy_violation',
  }),
  refusal: {
    mock: (vendor, wire) =>
      vendor.onMessage(/./, { content: '', finishReason: wire === 'openai' ? 'content_filter' : 'refusal' }),
  },
  timeout: { raw: () => () => undefined, options: SHORT },
  drip: {
    raw: (wire, mode) => (response) => {
      if (mode === 'stream') openEvents(response);
      else response.writeHead(200, { 'content-type': 'application/json' });
      drip(response, mode === 'stream' ? ': still thinking\n' : WIRES[wire].whole(TEXT));
    },
    options: SHORT,
  },
  network: { mock: (vendor) => void vendor.onMessage(/./, { content: TEXT }).setChaos({ disconnectRate: 1 }) },
  'malformed-json': { mock: (vendor) => void vendor.onMessage(/./, { content: TEXT }).setChaos({ malformedRate: 1 }) },
  empty: { mock: (vendor) => vendor.onMessage(/./, { content: ' ' }) },
  'wrong-shape': { mock: (vendor) => vendor.onMessage(/./, { content: '{"n":"one"}' }) },
  'too-large': {
    raw: (wire, mode) => (response) => {
      if (mode === 'stream') {
        openEvents(response);
        response.end(WIRES[wire].start + WIRES[wire].text(TEN_MEGABYTES));
      } else {
        response.writeHead(200, { 'content-type': 'application/json' }).end(WIRES[wire].whole(TEN_MEGABYTES));
      }
    },
  },
  'cut-body': {
    raw: (wire) => (response) => {
      const body = WIRES[wire].whole(TEXT);
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
      response.write(body.slice(0, 20), () => response.destroy());
    },
  },
  'malformed-event': {
    raw: (wire) => (response) => {
      openEvents(response);
      response.end(`${WIRES[wire].start}data: {"id": <html>\n\n`);
    },
  },
  'cut-before-text': {
    raw: (wire) => (response) => {
      openEvents(response);
      response.write(WIRES[wire].start, () => response.destroy());
    },
  },
  'cut-after-text': {
    raw: (wire) => (response) => {
      openEvents(response);
      // The client must have read the text before the connection breaks under it.
      response.write(WIRES[wire].start + WIRES[wire].text(TEXT), () => setTimeout(() => response.destroy(), 20));
    },
  },
  'end-before-text': {
    raw: (wire) => (response) => {
      openEvents(response);
      response.end(WIRES[wire].start);
    },
  },
  'end-without-finish': {
    raw: (wire) => (response) => {
      openEvents(response);
      response.end(WIRES[wire].start + WIRES[wire].text(TEXT));
    },
  },
  'silent-after-text': {
    raw: (wire) => (response) => {
      openEvents(response);
      response.write(WIRES[wire].start + WIRES[wire].text(TEXT));
    },
    options: { timeout: { idle: 100 } },
  },
  'overloaded-before-text': {
    raw: (wire) => (response) => {
      openEvents(response);
      response.end(WIRES[wire].start + WIRES[wire].overloaded);
    },
  },
  'overloaded-after-text': {
    raw: (wire) => (response) => {
      openEvents(response);
      response.end(WIRES[wire].start + WIRES[wire].text(TEXT) + WIRES[wire].overloaded);
    },
  },
  abort: { raw: () => () => undefined, abort: true },
  'rate-limit-without-hint': refusing({ status: 429, message: 'Rate limit reached' }),
  'rate-limit-in-words': refusing({ status: 429, message: 'Rate limit reached. Please try again in 41.6s.' }),
  'rate-limit-as-403': refusing({ status: 403, message: 'You have exceeded a rate limit. Please wait 40 seconds.' }),
  'rate-limit-inside-200': inside(429, 'Rate limit exceeded: free-models-per-min'),
  'quota-inside-200': inside(402, 'Insufficient credits'),
  'overloaded-inside-200': inside(503, 'Upstream is overloaded'),
  'payment-required': refusing({ status: 402, message: 'Insufficient Balance' }),
  'usage-limit': refusing({
    status: 400,
    message: 'You have reached your specified API usage limits. You will regain access on 2099-01-01 at 00:00 UTC.',
    type: 'invalid_request_error',
  }),
  'key-as-400': refusing({ status: 400, message: 'API key not valid. Please pass a valid API key.' }),
  'decommissioned-as-400': refusing({
    status: 400,
    message: 'The model `x` has been decommissioned and is no longer supported.',
    code: 'model_decommissioned',
  }),
  'region-as-400': refusing({ status: 400, message: 'User location is not supported for the API use.' }),
  flagged: refusing({ status: 403, message: 'Your chosen model requires moderation and your input was flagged' }),
  conflict: refusing({ status: 409, message: 'Conflict' }),
  unprocessable: refusing({ status: 422, message: 'body.messages.0: extra fields not permitted' }),
  'method-not-allowed': refusing({ status: 405, message: 'Method Not Allowed' }),
  'body-too-large': { raw: answering(413, '<html><h1>413 Request Entity Too Large</h1></html>', 'text/html') },
  'context-length-as-413': {
    ...refusing({ status: 413, message: 'Request too large for model `x` on tokens per minute (TPM): Limit 6000' }),
    options: { contextWindow: 8_000 },
  },
  'context-length-in-words': {
    ...refusing({
      status: 400,
      message: 'The input token count (120) exceeds the maximum number of tokens allowed (8)',
    }),
    options: { contextWindow: 8_000 },
  },
  'html-page': { raw: answering(200, '<html><body>Sign in to continue</body></html>', 'text/html') },
  'html-502': { raw: answering(502, '<html><h1>502 Bad Gateway</h1></html>', 'text/html') },
  'gateway-timeout': { raw: answering(504, '<html><h1>504 Gateway Time-out</h1></html>', 'text/html') },
  'request-timeout': refusing({ status: 408, message: 'Request Timeout' }),
  capacity: refusing({ status: 498, message: 'Flex tier capacity exceeded', code: 'capacity_exceeded' }),
  'failed-dependency': refusing({ status: 424, message: 'The model returned an error while it was processing' }),
};
