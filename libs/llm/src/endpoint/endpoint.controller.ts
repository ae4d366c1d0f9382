import type { IncomingMessage } from 'node:http';
import {
  Controller,
  Get,
  HttpCode,
  Inject,
  Injectable,
  type OnModuleInit,
  Param,
  Post,
  Req,
  Res,
  type StreamableFile,
  type Type,
  UseFilters,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  answerEvents,
  beforeBodies,
  goneSignal,
  HttpResponse,
  leaveUnread,
  markHandler,
} from '@nest-resilience/core/admin';
import { type Answer, LlmEndpoint } from './endpoint.service.js';
import { OpenAiProblemFilter } from './problem.filter.js';
import { isObject, type Json, readBody } from './read-body.js';
import type { Team } from './teams.js';

/** Only Fastify wraps node's own request. */
type Request = IncomingMessage & { readonly raw?: IncomingMessage; readonly body?: unknown };

/** The routes of OpenAI's API that the chain serves. A class of its own per application, because each says where they are. */
export function endpointController(path: string): Type<unknown> {
  @Controller({ path, version: VERSION_NEUTRAL })
  @UseFilters(OpenAiProblemFilter)
  class LlmEndpointController {
    constructor(@Inject(LlmEndpoint) private readonly endpoint: LlmEndpoint) {}

    @Get('models')
    models(@Req() request: Request): Json {
      return this.endpoint.models(this.teamOf(request));
    }

    @Get('models/:id')
    model(@Req() request: Request, @Param('id') id: string): Json {
      return this.endpoint.model(this.teamOf(request), id);
    }

    @Post('chat/completions')
    @HttpCode(200)
    chat(@Req() request: Request, @Res({ passthrough: true }) response: HttpResponse): Promise<Json | StreamableFile> {
      return this.answer(request, response, (team, body, signal) => this.endpoint.chat(team, body, signal));
    }

    @Post('embeddings')
    @HttpCode(200)
    embeddings(
      @Req() request: Request,
      @Res({ passthrough: true }) response: HttpResponse,
    ): Promise<Json | StreamableFile> {
      return this.answer(request, response, (team, body, signal) => this.endpoint.embeddings(team, body, signal));
    }

    private teamOf({ headers }: Request): Team {
      return this.endpoint.team(headers.authorization);
    }

    private async answer<T extends Json | Parameters<typeof answerEvents>[0]>(
      request: Request,
      response: HttpResponse,
      ask: (team: Team, body: Json, signal: AbortSignal) => Promise<Answer<T>>,
    ): Promise<Json | StreamableFile> {
      // Before the body: nobody without a key makes the server read megabytes.
      const team = this.teamOf(request);
      // One that a parser of the application's own making has read already.
      const parsed = isObject(request.body) && Object.keys(request.body).length > 0 ? request.body : undefined;
      const sent = parsed ?? (await readBody(request.raw ?? request, this.endpoint.maxBodyBytes));
      const { headers, body } = await ask(team, sent, goneSignal(response));
      for (const [name, value] of Object.entries(headers)) response.header(name, value);
      return 'pipe' in body ? answerEvents(body as Parameters<typeof answerEvents>[0], response) : body;
    }
  }
  for (const name of ['chat', 'embeddings']) {
    const handler = Reflect.get(LlmEndpointController.prototype, name) as object;
    markHandler(handler);
    UNREAD.add(handler);
  }
  return LlmEndpointController;
}

/** Handlers that read their bodies themselves. */
const UNREAD = new WeakSet<object>();

/** Keeps the application's parsers from the bodies of the endpoint: they allow 100 kB, and an image has more. */
@Injectable()
export class EndpointBodies implements OnModuleInit {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    beforeBodies(this.host, (request, handler) => {
      if (handler !== undefined && UNREAD.has(handler)) leaveUnread(request);
    });
  }
}
