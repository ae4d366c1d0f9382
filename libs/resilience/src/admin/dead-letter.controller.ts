import type { ServerResponse } from 'node:http';
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
  Res,
  StreamableFile,
  UseFilters,
} from '@nestjs/common';
import type { RedriveReport } from '../dead-letter/dead-letter.batch.js';
import { notFound } from '../dead-letter/dead-letter.errors.js';
import type { RedriveResult } from '../dead-letter/dead-letter.redrive.js';
import { decodeArgs } from '../dead-letter/dead-letter.serializer.js';
import { DeadLetterService } from '../dead-letter/dead-letter.service.js';
import type { DeadLetterCount } from '../dead-letter/dead-letter.store.js';
import { ResilienceOptionsError } from '../engine/errors.js';
import { AdminRoute } from './admin-route.decorator.js';
import { fromEditBody, fromNoteBody, fromPurgeBody, fromQueryString, fromRedriveBody } from './dead-letter.dto.js';
import { DeadLetterProblemFilter } from './dead-letter.problem.js';
import { type DeadLetterView, viewOf } from './dead-letter.view.js';

/** Express hands out node's own response, Fastify a wrapper of it. A class, because Nest's metadata needs a value. */
abstract class HttpResponse {
  abstract readonly raw?: ServerResponse;
  abstract once(event: 'close', listener: () => void): unknown;
}

/** Dead letters over HTTP. Shows arguments and runs methods, so every route is behind the application's guard. */
@Controller('dead-letters')
@AdminRoute()
@UseFilters(DeadLetterProblemFilter)
export class DeadLetterController {
  constructor(@Inject(DeadLetterService) private readonly deadLetters: DeadLetterService) {}

  @Get()
  async list(@Query() query: Record<string, unknown>) {
    const page = await this.deadLetters.list(fromQueryString(query));
    return { items: page.items.map(viewOf), nextCursor: page.nextCursor ?? null };
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
      type: 'application/x-ndjson; charset=utf-8',
      disposition: 'attachment; filename="dead-letters.ndjson"',
    });
  }

  @Get(':id')
  async get(@Param('id') id: string): Promise<DeadLetterView> {
    const entry = await this.deadLetters.get(id);
    if (!entry) throw notFound(id);
    return viewOf(entry);
  }

  /** Answers when the batch is over (the counts show progress meanwhile); a client that goes away cancels it. */
  @Post('redrive')
  @HttpCode(200)
  async redriveAll(@Body() body: unknown, @Res({ passthrough: true }) response: HttpResponse): Promise<RedriveReport> {
    const { filter, options } = fromRedriveBody(body);
    const gone = new AbortController();
    const raw = response.raw ?? response;
    raw.once('close', () => gone.abort());
    return this.deadLetters.redriveAll(filter, { ...options, signal: gone.signal });
  }

  @Post('purge')
  @HttpCode(200)
  async purge(@Body() body: unknown): Promise<{ removed: number }> {
    return { removed: await this.deadLetters.purge(fromPurgeBody(body)) };
  }

  /** 200 also when the method failed again: `outcome` says it. */
  @Post(':id/redrive')
  @HttpCode(200)
  async redrive(@Param('id') id: string): Promise<Omit<RedriveResult, 'error'> & { error?: object }> {
    const { error, ...result } = await this.deadLetters.redrive(id);
    return result.outcome === 'failed' ? { ...result, error: describeError(error) } : result;
  }

  @Post(':id/discard')
  @HttpCode(200)
  async discard(@Param('id') id: string, @Body() body: unknown): Promise<DeadLetterView> {
    return viewOf(await this.deadLetters.discard(id, fromNoteBody(body)));
  }

  @Patch(':id')
  async edit(@Param('id') id: string, @Body() body: unknown): Promise<DeadLetterView> {
    const { args, argsMeta, note } = fromEditBody(body);
    return viewOf(await this.deadLetters.edit(id, withTypes(args, argsMeta), note === undefined ? {} : { note }));
  }
}

/** Brings back the Dates, Maps and so on that the entry's `argsMeta` names. */
function withTypes(args: unknown[], meta: unknown): readonly unknown[] {
  try {
    return decodeArgs({ encoding: 'superjson', json: args, ...(meta !== undefined && { meta }) });
  } catch (error) {
    const allowed = `arguments that fit argsMeta (${error instanceof Error ? error.message : String(error)})`;
    throw new ResilienceOptionsError([{ path: 'args', value: args, allowed }]);
  }
}

function describeError(error: unknown): { name: string; message: string } {
  return error instanceof Error
    ? { name: error.name, message: error.message }
    : { name: 'NonError', message: String(error) };
}
