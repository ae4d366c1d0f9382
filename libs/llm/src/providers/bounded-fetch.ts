import { LlmAnswerTooLargeError } from '../llm.errors.js';

const LINE_FEED = 0x0a;

/** Readers of events look through an unfinished one again with every chunk, so a long one costs far more than its size. */
const EVENT_SHARE = 8;

/** `fetch` for one target whose answers end with an error before they fill the memory. */
export function boundedFetch(provider: string, model: string, maxBytes: number): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (response.body === null) return response;
    const isEvents = response.headers.get('content-type')?.includes('text/event-stream') === true;
    const most = isEvents ? Math.floor(maxBytes / EVENT_SHARE) : maxBytes;
    const limit = byteLimit(most, isEvents, () => new LlmAnswerTooLargeError(provider, model, most));
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(limit), { status, statusText, headers });
  };
}

/** Of an event stream only a single line is bounded here: its reader takes what came before, and bounds the text. */
function byteLimit(maxBytes: number, perLine: boolean, tooLarge: () => Error): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      const lineFeed = perLine ? chunk.lastIndexOf(LINE_FEED) : -1;
      bytes = lineFeed === -1 ? bytes + chunk.length : chunk.length - lineFeed - 1;
      if (bytes > maxBytes) throw tooLarge();
      controller.enqueue(chunk);
    },
  });
}
