import type { Clock } from '@nest-resilience/core';
import type { ModelPart, ModelRequest } from '../providers/model-call.js';
import type { CallRecord, OpenTry } from './call-record.js';
import type { Turn } from './call-targets.js';
import { refuseWithoutRoom } from './llm-target.js';
import { LiveStream } from './live-stream.js';
import { reasonIn, tokensOfFailed } from './reason.js';
import { estimateTokens } from './token-limit.js';

export interface OpenedStream {
  readonly stream: LiveStream;
  /** What has come until there was something for the reader. */
  readonly first: readonly ModelPart[];
  readonly opened: OpenTry;
  /** Corrects the reservation in the target's token limit. */
  readonly settleTokens: (usedTokens: number) => void;
}

export interface StreamAsked {
  readonly request: ModelRequest;
  readonly record: CallRecord;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly isForReader: (part: ModelPart) => boolean;
}

/**
 * Opens a stream at one target under its policies and resolves as soon as there is something for the reader. The policy's call lasts
 * until the reader is done: the circuit keeps its permit as long and sees a stream that breaks in the middle as the failure it is.
 */
export function openStream(
  { target, fallbackLevel }: Turn,
  { request, record, signal, clock, isForReader }: StreamAsked,
): Promise<OpenedStream> {
  const estimate = estimateTokens(request.prompt, request.maxOutputTokens);
  return new Promise<OpenedStream>((handOver, refuse) => {
    let handedOver = false;
    const running = target.streamPolicy.execute(
      async (attempt) => {
        for (let { lastError } = attempt; ;) {
          if (record.isBudgeted) await record.afford(target, attempt.signal);
          refuseWithoutRoom(target, estimate);
          const settleTokens = target.tokens.take(estimate);
          const opened = record.begin(target, fallbackLevel, lastError, true);
          const answered = target.cooldown.asked();
          const stream = new LiveStream(target, request, attempt.signal, clock);
          try {
            const first = await stream.first(isForReader);
            answered();
            opened.firstToken();
            handedOver = true;
            handOver({ stream, first, opened, settleTokens });
          } catch (error) {
            const reason = reasonIn(signal, error);
            settleTokens(tokensOfFailed(reason, estimate));
            const again = !attempt.signal.aborted && target.provider.adapt?.(request, error) === true;
            opened.failed(error, { reason, again });
            stream.fail(error);
            if (!again) throw error;
            record.adapted++;
            lastError = error;
            continue;
          }
          return await stream.ended;
        }
      },
      { signal },
    );
    Promise.resolve(running).catch((error: unknown) => {
      // After the handing over nobody would hear of it: the reader has got its error from the stream itself, and noted it.
      if (handedOver) return;
      record.gaveUp(target, fallbackLevel, error);
      refuse(error);
    });
  });
}
