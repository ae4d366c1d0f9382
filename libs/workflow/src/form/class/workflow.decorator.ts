import { SetMetadata } from '@nestjs/common';
import type { WorkflowSettings } from '../../graph/draft.js';

export const WORKFLOW_METADATA = 'nest-resilience:workflow';

export interface WorkflowMetadata extends WorkflowSettings {
  readonly name: string;
}

/**
 * Makes an injectable class a workflow: each of its `@Step()` methods is a node.
 * @example
 * ```ts
 * @Injectable()
 * @Workflow('receipts')
 * class Receipts {
 *   @Step() fetch({ input }: StepContext<{ url: string }>) { ... }
 *   @Retry(3) @Step({ after: 'fetch' }) extract({ results }: StepContext) { ... }
 * }
 * ```
 */
export function Workflow(name: string, settings: WorkflowSettings = {}): ClassDecorator {
  return SetMetadata<string, WorkflowMetadata>(WORKFLOW_METADATA, { ...settings, name });
}
