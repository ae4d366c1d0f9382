import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ShutdownState } from './shutdown.state.js';

const LOOK_AGAIN_MS = 50;

/**
 * Ends kept-alive connections while the process shuts down: Node's server stops accepting new ones, but a client that keeps
 * sending over an old one would keep the process up for as long as it likes.
 */
@Injectable()
export class ClosingConnections implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  private idle: NodeJS.Timeout | undefined;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly shutdown: ShutdownState,
  ) {}

  onApplicationBootstrap(): void {
    this.server?.prependListener('request', ({ httpVersionMajor }: IncomingMessage, response: ServerResponse) => {
      // HTTP/2 has no such header.
      if (this.shutdown.shuttingDown && httpVersionMajor === 1) response.setHeader('connection', 'close');
    });
  }

  /** Answers that were begun before the shutdown did not say `close`; their connections are ended once the server has stopped. */
  beforeApplicationShutdown(): void {
    const { server } = this;
    if (server?.listening !== true) return;
    this.idle = setInterval(() => {
      if (!server.listening) server.closeIdleConnections();
    }, LOOK_AGAIN_MS);
    this.idle.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.idle);
  }

  /** Only Node's own kind of server; none in an application without HTTP. */
  private get server(): Server | undefined {
    // Nest types the adapter as always there, and leaves it out of an application context.
    const adapter = this.host.httpAdapter as HttpAdapterHost['httpAdapter'] | undefined;
    const server = adapter?.getHttpServer() as Partial<Server> | undefined;
    return typeof server?.closeIdleConnections === 'function' ? (server as Server) : undefined;
  }
}
