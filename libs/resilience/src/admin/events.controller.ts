import type { ServerResponse } from 'node:http';
import {
  Controller,
  Get,
  Header,
  Headers,
  Inject,
  Query,
  Res,
  StreamableFile,
  UseFilters,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import type { Clock } from '../engine/clock.js';
import { RESILIENCE_CLOCK } from '../nest/tokens.js';
import { AdminRoute } from './admin-route.decorator.js';
import { DeadLetterProblemFilter } from './dead-letter.problem.js';
import { EventLog, type LoggedEvent } from './event-log.js';
import { eventStream } from './event-stream.js';
import { readEventQuery, readLastEventId } from './event.query.js';

/** Express hands out node's own response, Fastify a wrapper of it (`raw`). A class, because Nest's metadata needs a value. */
abstract class HttpResponse {
  abstract readonly raw?: ServerResponse;
  abstract once(event: 'close', listener: () => void): unknown;
  abstract setHeader(name: string, value: string): unknown;
}

/** What happened last. Messages of errors and keys of circuits can repeat arguments, so it is for operators. */
@Controller({ path: 'resilience/events', version: VERSION_NEUTRAL })
@AdminRoute()
@UseFilters(DeadLetterProblemFilter)
export class EventsController {
  constructor(
    @Inject(EventLog) private readonly log: EventLog,
    @Inject(RESILIENCE_CLOCK) private readonly clock: Clock,
  ) {}

  /** Oldest first; with `?follow=true` as server-sent events that go on. */
  @Get()
  @Header('Cache-Control', 'no-store, no-transform')
  @Header('X-Accel-Buffering', 'no')
  events(
    @Query() query: Record<string, unknown>,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res({ passthrough: true }) response: HttpResponse,
  ): LoggedEvent[] | StreamableFile {
    const { filter, limit, follow } = readEventQuery(query);
    if (!follow) return this.log.recent(filter, limit);
    const { log, clock } = this;
    const stream = eventStream({ log, clock, filter, limit, afterId: readLastEventId(lastEventId) });
    const raw = response.raw ?? response;
    raw.once('close', () => stream.destroy());
    // Kept alive, the connection would hold up a shutdown for as long as the server keeps idle ones.
    raw.setHeader('Connection', 'close');
    return new StreamableFile(stream, { type: 'text/event-stream; charset=utf-8' });
  }
}
