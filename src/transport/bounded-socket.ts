import type { Socket } from 'node:net';

import { Logger } from '@nestjs/common';
import { JsonSocket } from '@nestjs/microservices';

export interface FrameLimits {
  /** Bytes of one frame. */
  readonly frameBytes: number;
  /** Bytes of all frames that have not come to their end, of all connections together. */
  readonly unfinishedBytes: number;
  /** What a frame gets from its first byte to its last. */
  readonly frameTimeoutMs: number;
}

const SAY_EVERY_MS = 60_000;

/**
 * The class of the sockets of one server. Nobody has shown a token before a frame is whole: a frame that takes too long is cut, and
 * so is the one that was begun first when all of them together are too large.
 */
export function boundedSocket({ frameBytes, unfinishedBytes, frameTimeoutMs }: FrameLimits): typeof JsonSocket {
  const logger = new Logger('Resilience:Messages');
  /** In the order in which their frames began. */
  const unfinished = new Set<BoundedSocket>();
  let bytes = 0;
  let cuts = 0;
  let saidAt = -Infinity;

  class BoundedSocket extends JsonSocket {
    private held = 0;
    private ended = true;
    private timer: NodeJS.Timeout | undefined;

    constructor(socket: Socket) {
      super(socket, { maxBufferSize: frameBytes, incompleteMessageTimeout: 0 });
      socket.once('close', () => this.finish());
    }

    protected override handleData(data: Buffer | string): void {
      try {
        super.handleData(data);
      } finally {
        this.count();
      }
    }

    protected override emitMessage(data: string): void {
      this.ended = true;
      super.emitMessage(data);
    }

    cut(): void {
      this.finish();
      this.netSocket.destroy();
      cuts++;
      if (performance.now() - saidAt < SAY_EVERY_MS) return;
      saidAt = performance.now();
      logger.warn(
        `Cut a connection from ${this.netSocket.remoteAddress ?? 'somebody'} with an unfinished frame (TCP_FRAME_TIMEOUT, TCP_UNFINISHED); ${cuts} since the start`,
      );
    }

    /** After everything that came. */
    private count(): void {
      const { buffer, contentLength } = this as unknown as {
        readonly buffer: string;
        readonly contentLength: number | null;
      };
      if (this.netSocket.destroyed || (buffer === '' && contentLength === null)) return this.finish();
      if (this.ended) {
        this.finish();
        this.ended = false;
        this.timer = setInterval(() => this.overdue(), frameTimeoutMs).unref();
        unfinished.add(this);
      }
      bytes += buffer.length - this.held;
      this.held = buffer.length;
      for (const oldest of bytes > unfinishedBytes ? [...unfinished].slice(0, -1) : []) {
        if (bytes > unfinishedBytes) oldest.cut();
      }
    }

    /** While its answers are not read nothing of it is read either, and what has come may be whole. */
    private overdue(): void {
      if (!this.netSocket.isPaused()) this.cut();
    }

    private finish(): void {
      clearInterval(this.timer);
      unfinished.delete(this);
      bytes -= this.held;
      this.held = 0;
      this.ended = true;
    }
  }
  return BoundedSocket;
}
