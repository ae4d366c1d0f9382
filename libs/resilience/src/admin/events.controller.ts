import {
  Controller,
  Get,
  Header,
  Headers,
  Inject,
  Query,
  Res,
  type StreamableFile,
  UseFilters,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import type { Clock } from '../engine/clock.js';
import { RESILIENCE_CLOCK } from '../nest/tokens.js';
import { answerEvents, HttpResponse } from '../nest/wire/http-response.js';
import { AdminRoute } from './admin-route.decorator.js';
import { DeadLetterProblemFilter } from './dead-letter.problem.js';
import { EventLog, type LoggedEvent } from './event-log.js';
import { eventStream } from './event-stream.js';
import { readEventQuery, readLastEventId } from './event.query.js';

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
    return answerEvents(stream, response);
  }
}
