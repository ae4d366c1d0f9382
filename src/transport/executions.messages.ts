import { parseDuration } from '@nest-resilience/core';
import {
  EXECUTION_STATUSES,
  executionPage,
  executionView,
  ledgerExcerpt,
  MAX_PAGE_SIZE,
  WorkflowInputError,
  WorkflowService,
} from '@nest-resilience/workflow';
import { Controller, Inject, UseFilters, UseGuards } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { z } from 'zod';

import { MessageFilter } from './message.filter.js';
import { MessageGuard } from './message.guard.js';

const duration = z.string().refine((text) => parseDuration(text) !== undefined, "must be a time such as '30s'");
const ID = z.object({ id: z.string().min(1).max(100) });
const WORKFLOW = z.object({ workflow: z.string().min(1).max(100) });
const START = WORKFLOW.extend({
  input: z.unknown().optional(),
  idempotencyKey: z.string().optional(),
  /** Answer with the result if it ends by then. */
  wait: duration.optional(),
});
const LIST = z.object({
  workflow: z.string().max(100).optional(),
  status: z.enum(EXECUTION_STATUSES as unknown as readonly [string, ...string[]]).optional(),
  cursor: z.string().optional(),
  limit: z.number().int().min(1).max(MAX_PAGE_SIZE).optional(),
});
const RETRY = ID.extend({ from: z.string().min(1).max(100) });

/** Executions over the microservice transport: what the routes do, under the same rules. */
@Controller()
@UseGuards(MessageGuard)
@UseFilters(MessageFilter)
export class ExecutionMessages {
  constructor(@Inject(WorkflowService) private readonly workflows: WorkflowService) {}

  @MessagePattern('workflows.list')
  list() {
    return { items: this.workflows.definitions().map(({ name, version }) => ({ name, version })) };
  }

  @MessagePattern('workflows.metrics')
  metrics(@Payload() message: unknown) {
    const { workflow } = read('workflows.metrics', WORKFLOW, message);
    return this.workflows.metrics(workflow);
  }

  /** Answered once the execution is durable; with `wait` the whole ledger, of an execution that has ended if it did in time. */
  @MessagePattern('executions.start')
  async start(@Payload() message: unknown) {
    const { workflow, input = {}, idempotencyKey, wait } = read('executions.start', START, message);
    const key = idempotencyKey === undefined ? {} : { idempotencyKey };
    const execution = await this.workflows.start(workflow, input, key);
    if (wait === undefined) return executionView(execution);
    return ledgerExcerpt(await this.workflows.wait(execution.id, { timeout: parseDuration(wait) ?? 0 }));
  }

  @MessagePattern('executions.get')
  async get(@Payload() message: unknown) {
    return ledgerExcerpt(await this.workflows.get(read('executions.get', ID, message).id));
  }

  @MessagePattern('executions.list')
  async executions(@Payload() message: unknown) {
    const filter = read('executions.list', LIST, message);
    return executionPage(
      await this.workflows.list(filter as Parameters<WorkflowService['list']>[0], { summaries: true }),
    );
  }

  @MessagePattern('executions.cancel')
  async cancel(@Payload() message: unknown) {
    return executionView(await this.workflows.cancel(read('executions.cancel', ID, message).id));
  }

  @MessagePattern('executions.resume')
  async resume(@Payload() message: unknown) {
    return executionView(await this.workflows.resume(read('executions.resume', ID, message).id));
  }

  @MessagePattern('executions.retry')
  async retry(@Payload() message: unknown) {
    const { id, from } = read('executions.retry', RETRY, message);
    return executionView(await this.workflows.retryFrom(id, from));
  }
}

/** @throws WorkflowInputError with every field that cannot be */
function read<T>(pattern: string, schema: z.ZodType<T>, message: unknown): T {
  const parsed = schema.safeParse(message ?? {});
  if (parsed.success) return parsed.data;
  throw new WorkflowInputError(
    pattern,
    parsed.error.issues.map(({ path, message: problem }) => ({ field: path.join('.'), message: problem })),
  );
}
