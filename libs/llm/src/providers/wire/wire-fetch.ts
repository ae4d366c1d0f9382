import { LlmAnswerTooLargeError } from '../../llm.errors.js';
import type { ApiKeys, ProviderTarget } from '../api-keys.js';
import { EventMender, type Wire } from './event-mender.js';
import { onceMore } from './once-more.js';

const LINE_FEED = 0x0a;

/** Readers of events look through an unfinished one again with every chunk, so a long one costs far more than its size. */
const EVENT_SHARE = 8;

/**
 * `fetch` for one target: answers end with an error before they fill the memory, and what vendors of its wire say in their own way reaches
 * the client library in a way that it understands.
 */
export function wireFetch(
  { name, model, maxAnswerBytes, keys }: Pick<ProviderTarget, 'name' | 'model' | 'maxAnswerBytes' | 'keys'>,
  wire: Wire,
): typeof fetch {
  const send = onceMore(fetch);
  return async (input, init) => {
    const response = await send(input, keys ? authorized(init, keys, wire) : init);
    if (response.body === null) return response;
    const isEvents = response.headers.get('content-type')?.includes('text/event-stream') === true;
    const most = isEvents ? Math.floor(maxAnswerBytes / EVENT_SHARE) : maxAnswerBytes;
    const size = sizeLimit(most, isEvents, () => new LlmAnswerTooLargeError(name, model, most));
    const mender = isEvents && response.ok ? new EventMender(wire) : undefined;
    const body = readThrough(response.body, size, mender);
    const { status, statusText, headers } = response;
    const bounded = new Response(body, { status, statusText, headers });
    if (isEvents || !response.ok || wire.mendBody === undefined) return bounded;
    return new Response(wire.mendBody(await bounded.text()), { status, statusText, headers });
  };
}

function authorized(init: RequestInit | undefined, keys: ApiKeys, { keyHeader }: Wire): RequestInit {
  const headers = new Headers(init?.headers);
  keys.authorize(headers, keyHeader, init?.signal);
  return { ...init, headers };
}

/** Of an event stream only a single line is bounded here: its reader takes what came before, and bounds the text. */
function sizeLimit(maxBytes: number, perLine: boolean, tooLarge: () => Error): (chunk: Uint8Array) => void {
  let bytes = 0;
  return (chunk) => {
    const lineFeed = perLine ? chunk.lastIndexOf(LINE_FEED) : -1;
    bytes = lineFeed === -1 ? bytes + chunk.length : chunk.length - lineFeed - 1;
    if (bytes > maxBytes) throw tooLarge();
  };
}

/** Pulls, because a pipe through a TransformStream costs several times as much for every chunk. */
function readThrough(
  source: ReadableStream<Uint8Array>,
  size: (chunk: Uint8Array) => void,
  mender: EventMender | undefined,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const { done, value } = await reader.read();
          if (value !== undefined) size(value);
          const out = mender === undefined ? value : done ? mender.rest() : mender.take(value);
          if (out !== undefined && out.length > 0) controller.enqueue(out);
          if (done || mender?.saidAll === true) {
            controller.close();
            if (!done) void reader.cancel().catch(() => undefined);
            return;
          }
          if (out !== undefined && out.length > 0) return;
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
