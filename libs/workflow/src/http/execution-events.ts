import type { ExecutionLedger } from '../ledger/execution.js';
import { executionView, nodeView } from './execution.view.js';

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

/** JSON has no line breaks, and types come from code: nothing can break out of its line. */
export function frameOf({ id, type, data }: ExecutionEvent): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
