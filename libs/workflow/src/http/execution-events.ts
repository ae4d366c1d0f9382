import type { NodeAtWork } from '../executor/at-work.js';
import type { ExecutionLedger } from '../ledger/execution.js';
import { executionView, iso, nodeView } from './execution.view.js';

/** One event of an execution, as it goes out. */
export interface ExecutionEvent {
  /** Rises with every event of one execution, over restarts and resumes as well. */
  readonly id: number;
  readonly type: `execution.${'accepted' | 'succeeded' | 'failed' | 'cancelled'}` | `node.${string}`;
  readonly data: unknown;
}

/**
 * What happened to an execution, oldest first, made of the ledger alone: whoever asks again later, or asks another process, gets the
 * same events under the same ids. Checkpoints of one execution have rising times, which makes them the ids.
 */
export function eventsOf({ nodes, ...execution }: ExecutionLedger): ExecutionEvent[] {
  const { input: _, output, error, ...shown } = executionView(execution);
  const events: ExecutionEvent[] = [
    { id: execution.createdAt, type: 'execution.accepted', data: { id: shown.id, workflow: shown.workflow } },
    ...[...nodes]
      .sort((a, b) => a.finishedAt - b.finishedAt)
      .map((node) => ({ id: node.finishedAt, type: `node.${node.status}` as const, data: nodeView(node) })),
  ];
  const { status, finishedAt = 0 } = execution;
  if (status === 'queued' || status === 'running') return events;
  const last = events.at(-1)?.id ?? 0;
  const data = { ...shown, ...(output !== undefined && { output }), ...(error !== undefined && { error }) };
  return [...events, { id: Math.max(finishedAt, last + 1), type: `execution.${status}`, data }];
}

/** Something that goes on now. It has no id: whoever comes back is told how things stand then. */
export interface LiveEvent {
  readonly node: string;
  readonly type: 'node.started' | 'node.attempt' | 'node.progress';
  /** Rises with every event of its type and node, until the node is started again. */
  readonly order: number;
  readonly frame: string;
}

/** What can be said of a node at work. */
export function liveEventsOf({ node, startedAt, attempts, items }: NodeAtWork): LiveEvent[] {
  const live = (type: LiveEvent['type'], order: number, data: object): LiveEvent => ({
    ...{ node, type, order },
    frame: `event: ${type}\ndata: ${JSON.stringify({ node, ...data })}\n\n`,
  });
  const done = (items?.succeeded ?? 0) + (items?.failed ?? 0);
  const { failed, total } = items ?? {};
  return [
    ...(startedAt === undefined ? [] : [live('node.started', startedAt, { startedAt: iso(startedAt) })]),
    ...attempts.map((attempt) =>
      live('node.attempt', attempt.number, { ...attempt, startedAt: iso(attempt.startedAt) }),
    ),
    ...(items ? [live('node.progress', done, { done, failed, ...(total !== undefined && { total }) })] : []),
  ];
}

/** JSON has no line breaks, and types come from code: nothing can break out of its line. */
export function frameOf({ id, type, data }: ExecutionEvent): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
