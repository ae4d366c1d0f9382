import type { Type } from '@nestjs/common';
import {
  type AdminAccess,
  type ControllerDescription,
  describeRoutes,
  type RouteDescription,
  problemWith,
  schemas,
} from '@nest-resilience/core/admin';
import { EXECUTION_STATUSES } from '../ledger/execution.js';
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from '../ledger/execution-store.js';
import type { ExecutionTotals, HealRecord, LlmTryRecord, LlmUsage } from '../ledger/execution.js';
import { ITEM_STATUSES, type ItemSummary } from '../ledger/items.js';
import type { StructuredError } from '../ledger/structured-error.js';
import type { WorkflowReport } from '../workflow.report.js';
import type { executionSummary, executionView, itemView, ledgerView, nodeView } from './execution.view.js';
import type { Problem } from './problem.js';
import type { workflowSummary, workflowView } from './workflow.view.js';
import type { WorkflowAccess } from './route-log.js';

const { anyObject, dictionary, flag, integer, list, nullable, number, object, objectOf, oneOf, text } = schemas;

const problem = problemWith<Problem>({
  'known?': list(text(), 'Names that exist, for an unknown one'),
  'nearest?': text(),
  'executionId?': text(),
  'retryAfterMs?': number(),
});

type NodeView = ReturnType<typeof nodeView>;
type WorkflowView = ReturnType<typeof workflowView>;

const TIME = text('ISO 8601');
const STATUS = oneOf(EXECUTION_STATUSES);
const ERROR = objectOf<StructuredError>({
  name: text(),
  message: text(),
  'code?': text(),
  'status?': integer(),
  'kind?': text('Of the classifier, e.g. transient'),
  'reason?': text('Of the classifier, e.g. rate_limit'),
  'node?': text(),
  'cause?': anyObject(),
});
const SUMMARY: schemas.FieldsOf<ReturnType<typeof executionSummary>> = {
  id: text('UUIDv7: ids sort by the time of submission'),
  workflow: text(),
  version: text('Of the definition it runs on'),
  'movedFrom?': text(
    'Version that it was submitted for, when it went on with another because nobody knew that any more',
  ),
  status: STATUS,
  'error?': ERROR,
  'idempotencyKey?': text(),
  'parentId?': text('The execution it is a fallback of'),
  resumes: integer('How often it went on after a crash, a failure or by hand'),
  'crashes?': integer('How many crashes of a process were put down to it since its last checkpoint'),
  degraded: flag('A fallback served it, an optional node failed or a model answered in a degraded way'),
  'servedBy?': text('The fallback workflow whose output this is'),
  'deadLetterId?': text(),
  createdAt: TIME,
  'startedAt?': TIME,
  'finishedAt?': TIME,
  'deadlineAt?': TIME,
  'durationMs?': integer(),
  totals: objectOf<ExecutionTotals>({
    nodes: integer('That ran'),
    ...{ attempts: integer(), retries: integer(), fallbacks: integer() },
    ...{ inputTokens: integer(), outputTokens: integer() },
    'costUsd?': number('Absent: the price of a part of it is not known'),
  }),
};
const FIELDS: schemas.FieldsOf<ReturnType<typeof executionView>> = { ...SUMMARY, input: {}, 'output?': {} };
const EXECUTION = objectOf<ReturnType<typeof executionView>>(FIELDS);
const ATTEMPT = objectOf<NodeView['attempts'][number]>({
  number: integer(),
  by: text('Node that tried: the node itself or one of its fallbacks'),
  level: integer('0: the node itself; n: its n-th fallback'),
  outcome: oneOf(['succeeded', 'failed', 'timed_out', 'rejected', 'cancelled']),
  actions: list(oneOf(['retried', 'rejected', 'timed_out', 'fell_back', 'healed'], 'What a policy did about it')),
  startedAt: TIME,
  durationMs: number(),
  'error?': ERROR,
  'index?': integer('Of the item, for a node that runs once for each'),
  'tries?': list(
    objectOf<LlmTryRecord>({
      provider: text(),
      fallbackLevel: integer(),
      attempt: integer('0: nothing was sent'),
      outcome: text(),
      'reason?': text(),
      durationMs: number(),
      'mended?': list(text(), 'What was mended about the answer without asking again'),
    }),
    'Requests to models within this attempt',
  ),
});
const HEAL = objectOf<HealRecord>({
  round: integer('From 1'),
  by: text('Node that failed: the node itself or one of its fallbacks'),
  'index?': integer('Of the item, for a node that runs once for each'),
  'issue?': text('What the diagnosis named'),
  'remedy?': text('Node or function that mended it'),
  outcome: oneOf(['applied', 'undiagnosed', 'no_remedy', 'remedy_failed']),
  'error?': ERROR,
  durationMs: number(),
});
/** How something came about, and what it took. */
const SPENT = {
  startedAt: TIME,
  finishedAt: TIME,
  durationMs: integer(),
  'servedBy?': text(),
  fallbackLevel: integer(),
  degraded: flag(),
  'deadLetterId?': text(),
  attempts: list(ATTEMPT),
  'heals?': list(HEAL, 'What self-healing found and did'),
  attemptCount: integer(),
  retryCount: integer(),
  'usage?': objectOf<LlmUsage>({
    ...{ inputTokens: integer(), outputTokens: integer() },
    'estimated?': flag('A part of it was not counted by the provider'),
  }),
  'costUsd?': number(),
  'provider?': text(),
  'providerLevel?': integer('Of that provider in its own chain, 0 the first'),
};
const NODE = objectOf<NodeView>({
  node: text(),
  status: oneOf(['succeeded', 'failed', 'skipped']),
  'result?': {},
  'items?': objectOf<ItemSummary>({
    total: integer('Without a result: GET /executions/:id/nodes/:node/items has them'),
    ...{ succeeded: integer(), failed: integer() },
    partial: flag('The result has its successes and failures apart'),
    'step?': text('The fallback whose items they are'),
  }),
  'error?': ERROR,
  optional: flag(),
  ...SPENT,
});
const ITEM = objectOf<ReturnType<typeof itemView>>({
  index: integer('Place in the list, from 0'),
  status: oneOf(ITEM_STATUSES),
  'result?': {},
  'error?': ERROR,
  'item?': {},
  'step?': text('The fallback that ran in place of the node'),
  ...SPENT,
});
const LEDGER = objectOf<ReturnType<typeof ledgerView>>({ ...FIELDS, nodes: list(NODE, 'In the order they ended') });
const RATE = (description: string) => nullable(number(description));
const METRICS = objectOf<WorkflowReport>({
  workflow: text(),
  ...{ total: integer(), queued: integer(), running: integer() },
  ...{ successful: integer(), failed: integer(), cancelled: integer() },
  successRate: RATE('0 to 1, of successful and failed ones'),
  retryRate: RATE('Share of ended executions in which something was retried'),
  averageAttempts: RATE('Per node that ran'),
  fallbackRate: RATE('Share of ended executions that a fallback served, in part or whole'),
  degradedRate: RATE('Share of ended executions that were degraded'),
  p50: RATE('Milliseconds of whole executions'),
  p95: RATE('Milliseconds of whole executions'),
  ...{ inputTokens: integer(), outputTokens: integer() },
  'costUsd?': number('Of what has a price; absent: nothing of it has one'),
  circuits: dictionary(text(), 'State of each circuit that a node has, by node'),
});
const WORKFLOW = { name: text(), version: text(), 'description?': text(), source: oneOf(['file', 'code']) };

const WORKFLOW_NODE = objectOf<WorkflowView['nodes'][number]>({
  name: text(),
  type: oneOf(['llm', 'http', 'call', 'transform', 'constant', 'each', 'run']),
  'call?': text('Class.method, or the name of a handler'),
  after: list(text()),
  'when?': text('An expression'),
  fallback: list(text('Another node'), 'By priority'),
  standby: flag('Runs only in place of another node'),
  optional: flag(),
  policies: anyObject(),
});

const PAGE_QUERY: schemas.Fields = {
  cursor: text('nextCursor of the page before'),
  limit: { ...integer(), minimum: 1, maximum: MAX_PAGE_SIZE, default: DEFAULT_PAGE_SIZE },
};

/** What `GET /executions` may be asked. */
export const EXECUTION_QUERY: schemas.Fields = { workflow: text(), status: STATUS, ...PAGE_QUERY };

/** What `GET /executions/:id/nodes/:node/items` may be asked. */
export const ITEM_QUERY: schemas.Fields = { ...PAGE_QUERY, status: oneOf(ITEM_STATUSES) };

const NAME = { name: text() };
const ID = { id: text() };
const NO_WORKFLOW = problem('No such workflow; the known ones are named');
const NO_EXECUTION = problem('No such execution');
const WRONG_STATE = problem('Not possible in the state it is in');
const NOT_NOW = problem(
  'Shutting down, the store is away, or another process runs the executions; nothing was accepted, Retry-After',
);
const goesOn = (summary: string, rest: Partial<RouteDescription> = {}): RouteDescription => ({
  summary,
  params: ID,
  ...rest,
  responses: {
    202: { description: 'It will go on, whatever happens to this process; Location', schema: EXECUTION },
    404: NO_EXECUTION,
    409: WRONG_STATE,
    503: NOT_NOW,
    ...rest.responses,
  },
});

const WORKFLOWS: ControllerDescription = {
  tag: 'workflows',
  routes: {
    list: {
      summary: 'Every workflow',
      responses: {
        200: {
          description: 'By name',
          schema: object({
            items: list(objectOf<ReturnType<typeof workflowSummary>>({ ...WORKFLOW, nodes: integer() })),
          }),
        },
      },
    },
    show: {
      summary: 'The graph of one workflow',
      params: NAME,
      responses: {
        200: {
          description: 'Its nodes and how they wait for each other',
          schema: objectOf<WorkflowView>({
            ...WORKFLOW,
            'input?': anyObject('JSON Schema'),
            'output?': {},
            'deadlineMs?': integer(),
            join: flag('Submissions of the same input join a running execution'),
            deadLetter: flag(),
            fallback: list(text('Another workflow'), 'By priority'),
            nodes: list(WORKFLOW_NODE),
            order: list(text(), 'Each node after those it waits for'),
          }),
        },
        404: NO_WORKFLOW,
      },
    },
    metrics: {
      summary: 'Counted per execution, never per attempt',
      params: NAME,
      responses: { 200: { description: 'Rates are null before anything ended', schema: METRICS }, 404: NO_WORKFLOW },
    },
    start: {
      summary: 'Submit an execution',
      description: 'The body is the input. Once answered, it ends, whatever happens to this process.',
      params: NAME,
      query: { wait: text('Time such as 30s: answer with the result if it ends by then') },
      headers: { 'Idempotency-Key': text('The same key always leads to the same execution') },
      body: {},
      responses: {
        200: { description: 'It has ended; the whole ledger', schema: LEDGER },
        202: { description: 'It is durable; Location says where to look', schema: EXECUTION },
        400: problem('The input does not fit; every field at fault is named'),
        404: NO_WORKFLOW,
        422: problem('The idempotency key belongs to other input'),
        429: problem('Too many are waiting; Retry-After'),
        503: NOT_NOW,
      },
    },
    executions: {
      summary: 'A page of executions, newest first',
      query: EXECUTION_QUERY,
      responses: {
        200: {
          description: 'nextCursor is null on the last page',
          schema: object({
            items: list(objectOf<ReturnType<typeof executionSummary>>(SUMMARY)),
            nextCursor: nullable(text()),
          }),
        },
        400: problem('The query cannot be; every problem is named'),
      },
    },
    execution: {
      summary: 'The whole ledger of one execution',
      params: ID,
      query: { wait: text('Time such as 30s: answer when it has ended, or after that time') },
      responses: {
        200: { description: 'With every node and attempt', schema: LEDGER },
        400: problem('The query cannot be; every problem is named'),
        404: NO_EXECUTION,
      },
    },
    items: {
      summary: 'A page of the items of a node that runs once for each, in the order of the list',
      description: 'Each as soon as it has ended. A page may end before its limit where items are large.',
      params: { ...ID, node: text() },
      query: ITEM_QUERY,
      responses: {
        200: {
          description: 'nextCursor is null on the last page of those that have ended',
          schema: object({ items: list(ITEM), nextCursor: nullable(text()) }),
        },
        400: problem('The query cannot be; every problem is named'),
        404: problem('No such execution, or no such node'),
        501: problem('The store keeps no items'),
      },
    },
    events: {
      summary: 'Follow an execution',
      description:
        'Server-sent events from its submission to its end: execution.accepted, node.*, execution.*. ' +
        'node.started, node.attempt and node.progress say what goes on now, and have no id.',
      params: ID,
      query: { lastEventId: text('As the header, for clients that cannot set one') },
      headers: { 'Last-Event-ID': text('Go on after this one') },
      responses: {
        200: { description: 'Until it has ended', schema: text(), mediaType: 'text/event-stream' },
        204: { description: 'It has ended and there is nothing more' },
        404: NO_EXECUTION,
      },
    },
    cancel: {
      summary: 'End it now',
      params: ID,
      responses: {
        200: { description: 'Also when it was cancelled before', schema: EXECUTION },
        404: NO_EXECUTION,
        409: problem('It ended otherwise'),
      },
    },
    resume: goesOn('Let a failed or cancelled one go on at its first unfinished node'),
    retry: goesOn('Run a node again, and all that waited for it', {
      body: object({ from: { ...text('The node to begin with'), minLength: 1 } }),
      responses: { 400: problem('No node is named'), 501: problem('The store cannot do it') },
    }),
  },
};

/** Has `@nestjs/swagger` describe the routes, where it is installed. */
export function describeWorkflowRoutes(controller: Type, access: WorkflowAccess, admin?: AdminAccess): Promise<void> {
  return describeRoutes([[controller, { ...WORKFLOWS, ...guarded(access, admin) }]]);
}

function guarded(access: WorkflowAccess, admin: AdminAccess | undefined): Partial<ControllerDescription> {
  if (access === 'open') return {};
  if (access === 'admin' && admin?.by === 'token')
    return { security: 'bearer', responses: { 401: problem('Needs the token of the application') } };
  return { responses: { 403: problem('Not for this client') } };
}
