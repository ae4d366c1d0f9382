import {
  Body,
  Controller,
  Get,
  Header,
  Headers,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Req,
  Res,
  SetMetadata,
  type StreamableFile,
  UnsupportedMediaTypeException,
  UseFilters,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { answerEvents, goneSignal, HttpResponse, ROUTINE } from '@nest-resilience/core/admin';
import { WorkflowService } from '../workflow.service.js';
import { executionPage, itemPage, ledgerAnswer } from './bounded.view.js';
import { executionView } from './execution.view.js';
import { ExecutionStreams } from './execution-streams.js';
import { ProblemFilter } from './problem.filter.js';
import {
  type Query as QueryValues,
  readFilter,
  readItemFilter,
  readLastEventId,
  readRetry,
  readWait,
} from './query.js';
import { workflowSummary, workflowView } from './workflow.view.js';

interface Request {
  readonly originalUrl?: string;
  readonly url: string;
}

type HeaderValues = Readonly<Record<string, string | undefined>>;

/** Workflows over HTTP. They start work and show inputs: `WorkflowModule` puts a guard before all of it. */
@Controller({ version: VERSION_NEUTRAL })
@UseFilters(ProblemFilter)
export class WorkflowController {
  constructor(
    @Inject(WorkflowService) private readonly workflows: WorkflowService,
    @Inject(ExecutionStreams) private readonly streams: ExecutionStreams,
  ) {}

  @Get('workflows')
  list() {
    return { items: this.workflows.definitions().map(workflowSummary) };
  }

  @Get('workflows/:name')
  show(@Param('name') name: string) {
    return workflowView(this.workflows.definition(name));
  }

  @Get('workflows/:name/metrics')
  metrics(@Param('name') name: string) {
    return this.workflows.metrics(name);
  }

  /** 202 once the execution is durable; with `?wait=30s` 200 and the whole ledger if it ended in time. */
  @Post('workflows/:name/executions')
  @SetMetadata(ROUTINE, true)
  async start(
    @Param('name') name: string,
    @Body() body: unknown,
    @Headers() headers: HeaderValues,
    @Query('wait') wait: unknown,
    @Req() request: Request,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    const waitMs = readWait(name, wait);
    const contentType = headers['content-type'];
    if (contentType !== undefined && !/^application\/([\w.+-]+\+)?json\b/i.test(contentType)) {
      throw new UnsupportedMediaTypeException(`the input must be sent as application/json, not as ${contentType}`);
    }
    const idempotencyKey = headers['idempotency-key'];
    const execution = await this.workflows.start(
      name,
      body ?? {},
      idempotencyKey === undefined ? {} : { idempotencyKey },
    );
    response.header('Location', locationOf(request, execution.id));
    const ledger =
      waitMs > 0
        ? await this.workflows.wait(execution.id, { timeout: waitMs, signal: goneSignal(response) })
        : undefined;
    const unfinished = ledger === undefined || ledger.status === 'running' || ledger.status === 'queued';
    response.status(unfinished ? 202 : 200);
    return ledger ? ledgerAnswer(ledger) : executionView(execution);
  }

  @Get('executions')
  async executions(@Query() query: QueryValues) {
    return executionPage(await this.workflows.list(readFilter(query), { summaries: true }));
  }

  /** As it stands, or with `?wait=30s` as it ended if it does in time; whichever process runs it. */
  @Get('executions/:id')
  async execution(
    @Param('id') id: string,
    @Query('wait') wait: unknown,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    const timeout = readWait('executions', wait);
    const asked = { timeout, signal: goneSignal(response) };
    return ledgerAnswer(await (timeout > 0 ? this.workflows.wait(id, asked) : this.workflows.get(id)));
  }

  @Get('executions/:id/nodes/:node/items')
  async items(@Param('id') id: string, @Param('node') node: string, @Query() query: QueryValues) {
    return itemPage(await this.workflows.items(id, node, readItemFilter(query)));
  }

  /** Server-sent events until the execution has ended; 204 to a client that has seen them all, so that it stops asking. */
  @Get('executions/:id/events')
  @Header('Cache-Control', 'no-store, no-transform')
  @Header('X-Accel-Buffering', 'no')
  async events(
    @Param('id') id: string,
    @Headers() headers: HeaderValues,
    @Query('lastEventId') lastEventId: unknown,
    @Res({ passthrough: true }) response: HttpResponse,
  ): Promise<StreamableFile | undefined> {
    const stream = await this.streams.open(id, readLastEventId(headers['last-event-id'], lastEventId));
    if (!stream) {
      response.status(204);
      return undefined;
    }
    return answerEvents(stream, response);
  }

  @Post('executions/:id/cancel')
  @HttpCode(200)
  async cancel(@Param('id') id: string) {
    return executionView(await this.workflows.cancel(id));
  }

  @Post('executions/:id/resume')
  @HttpCode(202)
  async resume(@Param('id') id: string, @Req() request: Request, @Res({ passthrough: true }) response: HttpResponse) {
    const execution = await this.workflows.resume(id);
    response.header('Location', locationOf(request, id));
    return executionView(execution);
  }

  /** Runs the node that `{ "from": ... }` names again, and all that waited for it. */
  @Post('executions/:id/retry')
  @HttpCode(202)
  async retry(
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res({ passthrough: true }) response: HttpResponse,
  ) {
    const execution = await this.workflows.retryFrom(id, readRetry(body));
    response.header('Location', locationOf(request, id));
    return executionView(execution);
  }
}

/** Keeps whatever prefix or version the application put before our routes. */
function locationOf({ originalUrl, url }: Request, id: string): string {
  const path = (originalUrl ?? url).split('?')[0] ?? '';
  return `${path.replace(/\/(workflows\/[^/]*\/executions|executions\/[^/]*\/(resume|retry))\/?$/, '')}/executions/${id}`;
}
