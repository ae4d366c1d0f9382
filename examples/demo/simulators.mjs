/**
 * Two language model servers that fail on demand: `primary` speaks OpenAI's wire, `secondary` Anthropic's. The servers are
 * @copilotkit/aimock over real sockets; this file decides, per request, which fault it meets.
 */
import { LLMock } from '@copilotkit/aimock';
import { answerTo } from './answers.mjs';

/**
 * @typedef {object} Faults Shares are 0..1 of the requests; their sum may be 1 at most.
 * @property {number} [rateLimit] 429 with Retry-After
 * @property {number} [serverError] 500
 * @property {number} [drop] the socket is cut before an answer
 * @property {number} [malformed] status 200, but the body is no JSON
 * @property {number} [badAnswer] a well-formed response whose JSON is cut off; a text that needs no schema is left alone
 * @property {number} [hang] no answer at all, until the faults change
 * @property {number} [overloaded] 503
 * @property {boolean} [down] nothing listens on the port: connection refused
 * @property {number} [retryAfterSeconds] of the 429s, 1 by default
 * @property {number} [latencyMs] of a good answer, 15 by default
 */

const KINDS = ['rateLimit', 'serverError', 'drop', 'malformed', 'badAnswer', 'hang', 'overloaded'];
const HEALTHY = Object.freeze({ retryAfterSeconds: 1, latencyMs: 15 });

/** @returns {Promise<{ primary: Simulator, secondary: Simulator, setFaults: (faults: { primary?: Faults, secondary?: Faults }) => Promise<void>, stop: () => Promise<void> }>} */
export async function startSimulators({ seed = 1 } = {}) {
  const simulators = { primary: new Simulator(seed), secondary: new Simulator(seed + 1) };
  await Promise.all(Object.values(simulators).map((simulator) => simulator.listen()));
  return {
    ...simulators,
    /** Replaces the faults of the servers that are named; `{}` heals one. */
    setFaults: async (faults) => {
      for (const [name, wanted] of Object.entries(faults)) await simulators[name].setFaults(wanted);
    },
    stop: async () => {
      await Promise.all(Object.values(simulators).map((simulator) => simulator.setFaults({ down: true })));
    },
  };
}

class Simulator {
  #faults = HEALTHY;
  #random;
  #server;
  #port = 0;
  /** One fate per request, however often aimock asks the matchers below about it. */
  #fates = new WeakMap();
  #releaseHanging = () => {};
  #faultsChanged;
  /** Requests by what became of them: `{ ok: 12, rateLimit: 3, ... }`. */
  served = {};

  constructor(seed) {
    this.#random = mulberry32(seed);
    this.#armHanging();
  }

  /** Without the path: OpenAI's and Anthropic's clients both want `/v1` appended. */
  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  async setFaults(faults) {
    const unknown = Object.keys(faults).filter(
      (key) => ![...KINDS, 'down', 'retryAfterSeconds', 'latencyMs'].includes(key),
    );
    if (unknown.length > 0) throw new Error(`no fault named ${unknown.join(', ')}`);
    this.#faults = { ...HEALTHY, ...faults };
    this.#releaseHanging();
    this.#armHanging();
    if (faults.down) await this.#close();
    else if (!this.#server) await this.listen();
  }

  async listen() {
    const server = new LLMock({ port: this.#port, host: '127.0.0.1', journalMaxEntries: 10 });
    // aimock applies chaos per fixture: the first one that matches decides what the request meets.
    const fates = (...kinds) => ({ predicate: (request) => kinds.includes(this.#fateOf(request)) });
    server.addFixtures([
      { match: fates('drop'), response: { content: '' }, chaos: { disconnectRate: 1 } },
      { match: fates('malformed'), response: { content: '' }, chaos: { malformedRate: 1 } },
      { match: {}, response: (request) => this.#respond(request) },
    ]);
    await server.start();
    this.#server = server;
    this.#port = server.port;
  }

  async #close() {
    const server = this.#server;
    this.#server = undefined;
    await server?.stop();
  }

  #fateOf(request) {
    let fate = this.#fates.get(request);
    if (fate === undefined) {
      fate = this.#draw();
      this.#fates.set(request, fate);
      this.served[fate] = (this.served[fate] ?? 0) + 1;
    }
    return fate;
  }

  #draw() {
    let dice = this.#random();
    for (const kind of KINDS) {
      dice -= this.#faults[kind] ?? 0;
      if (dice < 0) return kind;
    }
    return 'ok';
  }

  async #respond(request) {
    const { retryAfterSeconds, latencyMs } = this.#faults;
    switch (this.#fateOf(request)) {
      case 'rateLimit':
        return {
          error: { message: 'Rate limit reached', type: 'rate_limit_error' },
          status: 429,
          retryAfter: retryAfterSeconds,
        };
      case 'serverError':
        return { error: { message: 'The server had an error', type: 'server_error' }, status: 500 };
      case 'overloaded':
        return { error: { message: 'Overloaded', type: 'overloaded_error' }, status: 503 };
      case 'badAnswer':
        return goodAnswer(request, spoil);
      case 'hang':
        await this.#faultsChanged;
        return { error: { message: 'Gave up', type: 'server_error' }, status: 500 };
      default:
        await new Promise((resolve) => setTimeout(resolve, latencyMs));
        return goodAnswer(request);
    }
  }

  #armHanging() {
    this.#faultsChanged = new Promise((resolve) => {
      this.#releaseHanging = resolve;
    });
  }
}

/** Cut off in the middle, as by a model that ran out of output tokens. */
const spoil = (json) => json.slice(0, json.length / 2);

function goodAnswer(request, change = (json) => json) {
  const prompt = request.messages.map(({ content }) => textOf(content)).join('\n');
  const answer = answerTo(prompt);
  if ('text' in answer) return { content: answer.text };
  const json = change(JSON.stringify(answer.json));
  // Clients ask models without structured output for a call of a tool that takes the answer as its argument.
  const tool = request.tools?.[0]?.function.name;
  return tool === undefined ? { content: json } : { toolCalls: [{ name: tool, arguments: json }] };
}

function textOf(content) {
  if (typeof content === 'string') return content;
  return (content ?? []).map((part) => part.text ?? '').join('\n');
}

/** Seeded, so that two runs of the demo meet the same faults in the same order of requests. */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
