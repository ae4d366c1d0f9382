import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Req,
  Res,
  UnsupportedMediaTypeException,
  UseFilters,
} from '@nestjs/common';
import { WorkflowService } from '../workflow.service.js';
import { executionSummary, executionView, ledgerView } from './execution.view.js';
import { ProblemFilter } from './problem.filter.js';
import { type Query as QueryValues, readFilter, readWait } from './query.js';
import { workflowSummary, workflowView } from './workflow.view.js';

/** What express' responses and fastify's replies have in common. */
interface Response {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
  readonly raw?: Closable;
}

interface Closable {
  once(event: 'close', listener: () => void): unknown;
}

interface Request {
  readonly originalUrl?: string;
  readonly url: string;
}

/** Workflows over HTTP. */
@Controller()
@UseFilters(ProblemFilter)
export class WorkflowController {
  constructor(@Inject(WorkflowService) private readonly workflows: WorkflowService) {}

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
  async start(
    @Param('name') name: string,
    @Body() body: unknown,
    @Headers() headers: Readonly<Record<string, string | undefined>>,
    @Query('wait') wait: unknown,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
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
      waitMs > 0 ? await this.workflows.wait(execution.id, { timeout: waitMs, signal: signalOf(response) }) : undefined;
    const unfinished = ledger === undefined || ledger.status === 'running' || ledger.status === 'queued';
    response.status(unfinished ? 202 : 200);
    return ledger ? ledgerView(ledger) : executionView(execution);
  }

  @Get('executions')
  async executions(@Query() query: QueryValues) {
    const { items, nextCursor } = await this.workflows.list(readFilter(query));
    return { items: items.map(executionSummary), ...(nextCursor !== undefined && { nextCursor }) };
  }

  @Get('executions/:id')
  async execution(@Param('id') id: string) {
    return ledgerView(await this.workflows.get(id));
  }

  @Post('executions/:id/cancel')
  @HttpCode(200)
  async cancel(@Param('id') id: string) {
    return executionView(await this.workflows.cancel(id));
  }

  @Post('executions/:id/resume')
  @HttpCode(202)
  async resume(@Param('id') id: string, @Req() request: Request, @Res({ passthrough: true }) response: Response) {
    const execution = await this.workflows.resume(id);
    response.header('Location', locationOf(request, id));
    return executionView(execution);
  }
}

/** Keeps whatever prefix or version the application put before our routes. */
function locationOf({ originalUrl, url }: Request, id: string): string {
  const path = (originalUrl ?? url).split('?')[0] ?? '';
  return `${path.replace(/\/(workflows\/[^/]*\/executions|executions\/[^/]*\/resume)\/?$/, '')}/executions/${id}`;
}

/** Aborted when the client went away: nobody waits any more. */
function signalOf(response: Response): AbortSignal {
  const controller = new AbortController();
  (response.raw ?? (response as unknown as Closable)).once('close', () => controller.abort());
  return controller.signal;
}
