import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Inject,
  Param,
  Patch,
  Post,
  Query,
  Req,
  Res,
  StreamableFile,
  UseFilters,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import type { RedriveReport } from '../dead-letter/redrive/batch.js';
import { notFound } from '../dead-letter/dead-letter.errors.js';
import type { RedriveResult } from '../dead-letter/redrive/redrive.js';
import { decodeArgs } from '../dead-letter/capture/serializer.js';
import { DeadLetterService } from '../dead-letter/dead-letter.service.js';
import type { DeadLetterCount } from '../dead-letter/store/dead-letter.store.js';
import type { ImportReport } from '../dead-letter/store/transfer.js';
import type { DeadLetterView } from '../dead-letter/dead-letter.view.js';
import { ResilienceOptionsError } from '../engine/errors.js';
import { messageOf } from '../engine/foreign-error.js';
import { readBody } from '../nest/openapi/read-request.js';
import { goneSignal, HttpResponse } from '../nest/wire/http-response.js';
import { AdminRoute } from './admin-route.decorator.js';
import { fromPurgeBody, fromQueryString, fromRedriveBody } from './dead-letter.dto.js';
import { chunksOf, NDJSON } from './dead-letter.ndjson.js';
import { EDIT, NOTE } from './dead-letter.openapi.js';
import { DeadLetterProblemFilter } from './dead-letter.problem.js';

/** What Express' and Fastify's requests have in common. */
abstract class HttpRequest {
  abstract readonly raw?: IncomingMessage;
  abstract readonly headers: IncomingMessage['headers'];
  /** Only where the application reads NDJSON itself. */
  abstract readonly body?: unknown;
}

/** Dead letters over HTTP. Shows arguments and runs methods, so every route is behind the application's guard. */
@Controller({ path: 'dead-letters', version: VERSION_NEUTRAL })
@AdminRoute()
@UseFilters(DeadLetterProblemFilter)
export class DeadLetterController {
  constructor(@Inject(DeadLetterService) private readonly deadLetters: DeadLetterService) {}

  @Get()
  async list(@Query() query: Record<string, unknown>) {
    const { items, nextCursor } = await this.deadLetters.views(fromQueryString(query));
    return { items, nextCursor };
  }

  @Get('counts')
  async counts(@Query() query: Record<string, unknown>): Promise<{ counts: DeadLetterCount[] }> {
    return { counts: await this.deadLetters.count(fromQueryString(query)) };
  }

  /** NDJSON, oldest first, streamed. */
  @Get('export')
  export(@Query() query: Record<string, unknown>): StreamableFile {
    const lines = this.deadLetters.export(fromQueryString(query));
    return new StreamableFile(Readable.from(lines, { objectMode: false }), {
      type: `${NDJSON}; charset=utf-8`,
      disposition: 'attachment; filename="dead-letters.ndjson"',
    });
  }

  @Get(':id')
  async get(@Param('id') id: string): Promise<DeadLetterView> {
    const view = await this.deadLetters.view(id);
    if (!view) throw notFound(id);
    return view;
  }

  /** Answers when the batch is over. A client that goes away cancels it. */
  @Post('redrive')
  @HttpCode(200)
  async redriveAll(@Body() body: unknown, @Res({ passthrough: true }) response: HttpResponse): Promise<RedriveReport> {
    const { filter, options } = fromRedriveBody(body);
    return this.deadLetters.redriveAll(filter, { ...options, signal: goneSignal(response) });
  }

  /** NDJSON as an export gives it, read as it comes. Entries that are known by id stay as they are, so it may be sent again. */
  @Post('import')
  @HttpCode(200)
  async import(@Req() request: HttpRequest): Promise<ImportReport> {
    return this.deadLetters.import(chunksOf(request));
  }

  @Post('purge')
  @HttpCode(200)
  async purge(@Body() body: unknown): Promise<{ removed: number }> {
    return { removed: await this.deadLetters.purge(fromPurgeBody(body)) };
  }

  /** 200 also when the method failed again: `outcome` says it. */
  @Post(':id/redrive')
  @HttpCode(200)
  async redrive(@Param('id') id: string): Promise<Omit<RedriveResult, 'error' | 'failure'> & { error?: object }> {
    const { id: known, outcome, status, redrives, failure } = await this.deadLetters.redrive(id);
    const error = failure && { name: failure.name, message: failure.message };
    return { id: known, outcome, status, redrives, ...(error && { error }) };
  }

  @Post(':id/discard')
  @HttpCode(200)
  async discard(@Param('id') id: string, @Body() body: unknown): Promise<DeadLetterView> {
    await this.deadLetters.discard(id, readBody(NOTE, body));
    return this.get(id);
  }

  @Patch(':id')
  async edit(@Param('id') id: string, @Body() body: unknown): Promise<DeadLetterView> {
    const { args, argsMeta, note } = readBody(EDIT, body);
    if (argsMeta === undefined) await this.requirePlain(id);
    const typed = withTypes(args, argsMeta ?? undefined);
    await this.deadLetters.edit(id, typed, note === undefined ? {} : { note });
    return this.get(id);
  }

  /** Without argsMeta a Date would reach the method as a text, and nobody would have meant it. */
  private async requirePlain(id: string): Promise<void> {
    if ((await this.deadLetters.view(id))?.argsMeta === undefined) return;
    const allowed = 'the argsMeta of the entry, which says what is a Date, a Map and so on; null to give plain JSON';
    throw new ResilienceOptionsError([{ path: 'argsMeta', value: undefined, allowed }]);
  }
}

/** Brings back the Dates, Maps and so on that the entry's `argsMeta` names. */
function withTypes(args: readonly unknown[], meta: unknown): readonly unknown[] {
  try {
    return decodeArgs({ encoding: 'superjson', json: args, ...(meta !== undefined && { meta }) });
  } catch (error) {
    const allowed = `arguments that fit argsMeta (${messageOf(error)})`;
    throw new ResilienceOptionsError([{ path: 'args', value: args, allowed }]);
  }
}
