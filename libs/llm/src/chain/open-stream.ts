import type { Clock } from '@nest-resilience/core';
import type { ProviderRequest } from '../providers/provider.js';
import type { CallRecord, OpenTry } from './call-record.js';
import type { Turn } from './call-targets.js';
import { refuseWithoutRoom } from './llm-target.js';
import { LiveStream } from './live-stream.js';
import { reasonIn, tokensOfFailed } from './reason.js';
import { estimateTokens } from './token-limit.js';

export interface OpenedStream {
  readonly stream: LiveStream;
  readonly firstText: string;
  readonly opened: OpenTry;
  /** Corrects the reservation in the target's token limit. */
  readonly settleTokens: (usedTokens: number) => void;
}

/**
 * Opens a stream at one target under its policies and resolves with its first words. The policy's call lasts until the reader
 * is done: the circuit keeps its permit as long and sees a stream that breaks in the middle as the failure it is.
 */
export function openStream(
  { target, fallbackLevel }: Turn,
  request: ProviderRequest,
  record: CallRecord,
  signal: AbortSignal | undefined,
  clock: Clock,
): Promise<OpenedStream> {
  const estimate = estimateTokens(request.messages, request.maxOutputTokens);
  return new Promise<OpenedStream>((handOver, refuse) => {
    const running = target.streamPolicy.execute(async (attempt) => {
      refuseWithoutRoom(target, estimate);
      const settleTokens = target.tokens.take(estimate);
      const opened = record.begin(target, fallbackLevel, attempt.lastError, true);
      const answered = target.cooldown.asked();
      const open = (live: AbortSignal) => target.provider.stream(request, { signal: live });
      const stream = new LiveStream(target, open, attempt.signal, clock);
      try {
        const firstText = await stream.first();
        answered();
        opened.firstToken();
        handOver({ stream, firstText, opened, settleTokens });
      } catch (error) {
        const reason = reasonIn(signal, error);
        settleTokens(tokensOfFailed(reason, estimate));
        opened.failed(error, { reason });
        stream.fail(error);
        throw error;
      }
      await stream.ended;
    }, signal && { signal });
    Promise.resolve(running).catch((error: unknown) => {
      record.gaveUp(target, fallbackLevel, error);
      // After the handing over this is heard by nobody: the reader has got its error from the stream itself.
      refuse(error);
    });
  });
}
