export { WorkflowModule } from './workflow.module.js';
export { WorkflowService } from './workflow.service.js';
export {
  WORKFLOW_OPTIONS,
  type WorkflowLimitOptions,
  type WorkflowModuleExtras,
  type WorkflowModuleOptions,
} from './workflow.options.js';
export { DEFAULT_WORKFLOW_LIMITS, type WorkflowLimits } from './workflow.limits.js';
export {
  ExecutionNotFoundError,
  ExecutionStateError,
  IdempotencyConflictError,
  WorkflowBusyError,
  WorkflowDeadlineError,
  WorkflowFailedError,
  WorkflowInputError,
  WorkflowNotFoundError,
  WorkflowStoppingError,
  WorkflowVersionError,
} from './workflow.errors.js';
export { WORKFLOW_LLM, type LlmPort, type LlmPortRequest, type LlmPortResult, type LlmPortTry } from './llm.port.js';

export { Workflow } from './form/class/workflow.decorator.js';
export { Step, type StepSettings } from './form/class/step.decorator.js';
export { type NodeWork, workflow, WorkflowBuilder } from './form/builder/workflow.builder.js';
export { loadWorkflowFiles } from './form/file/load-workflows.js';
export { type ParsedWorkflow, parseWorkflow, WORKFLOW_FILE_LIMITS } from './form/file/parse-workflow.js';
export { WORKFLOW_FILE_SCHEMA } from './form/file/workflow.schema.js';

export { buildWorkflow, checkWorkflow, MAX_NODES } from './graph/build.js';
export type { CompiledAction, NodeDefinition, WorkflowDefinition } from './graph/definition.js';
export type {
  EachAction,
  FallbackNode,
  FallbackWorkflow,
  JsonSchema,
  LlmAction,
  NodeAction,
  NodeDraft,
  NodePolicies,
  NodeSettings,
  WorkflowDraft,
  WorkflowSettings,
} from './graph/draft.js';
export { WorkflowDefinitionError, type WorkflowProblem } from './graph/errors.js';
export type { InputProblem } from './graph/input-schema.js';
export type { StepContext } from './graph/step-context.js';
export { DEFAULT_EXPRESSION_LIMITS, ExpressionError, ExpressionSyntaxError } from './expression/expression.js';
export type { InputMapping } from './expression/mapping.js';
export type { StartOptions } from './executor/executor.js';
export type { PartialResult } from './executor/run-each.js';
export type { WorkflowHandler } from './registry/handlers.js';

export {
  EXECUTION_STATUSES,
  type ExecutionLedger,
  type ExecutionRecord,
  type ExecutionStatus,
  type ExecutionTotals,
  type LlmTryRecord,
  type LlmUsage,
  type NodeAttempt,
  type NodeRecord,
  type PolicyAction,
} from './ledger/execution.js';
export {
  DEFAULT_PAGE_SIZE,
  EXECUTION_STORE,
  type ExecutionClaim,
  type ExecutionEnd,
  type ExecutionFilter,
  type ExecutionPage,
  type ExecutionStore,
  MAX_PAGE_SIZE,
} from './ledger/execution-store.js';
export { MemoryExecutionStore } from './ledger/memory.store.js';
export { type ExecutionSums, type WorkflowMetrics } from './ledger/metrics.js';
export { type JsonValue, WorkflowValueError } from './ledger/json-value.js';
export type { StructuredError } from './ledger/structured-error.js';

export { ProblemFilter } from './http/problem.filter.js';
export { type Problem, problemOf } from './http/problem.js';
export { WORKFLOW_NODE_QUEUE, WORKFLOW_QUEUE, WorkflowRuns } from './redrive/workflow-runs.js';
