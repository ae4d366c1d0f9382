export { WorkflowModule } from './workflow.module.js';
export { WorkflowService } from './workflow.service.js';
export { WORKFLOW_OPTIONS, type WorkflowModuleExtras, type WorkflowModuleOptions } from './workflow.options.js';
export { DEFAULT_WORKFLOW_LIMITS, type WorkflowLimitOptions, type WorkflowLimits } from './workflow.limits.js';
export {
  ExecutionNotFoundError,
  ExecutionPoisonedError,
  ExecutionStateError,
  ExecutorElsewhereError,
  IdempotencyConflictError,
  LedgerFeatureError,
  NodeNotFoundError,
  StoreUnavailableError,
  WorkflowBusyError,
  WorkflowDeadlineError,
  WorkflowFailedError,
  WorkflowInputError,
  WorkflowNotFoundError,
  WorkflowResultError,
  WorkflowStoppingError,
  WorkflowUnhealthyError,
  WorkflowVersionError,
} from './workflow.errors.js';
export { WORKFLOW_LLM, type LlmPort, type LlmPortRequest, type LlmPortResult, type LlmPortTry } from './llm.port.js';

export { Workflow } from './form/class/workflow.decorator.js';
export { Step, type StepSettings } from './form/class/step.decorator.js';
export { type NodeWork, workflow, WorkflowBuilder } from './form/builder/workflow.builder.js';
export { loadWorkflowFiles } from './form/file/load-workflows.js';
export { WORKFLOW_FILE_LIMITS } from './form/file/file-limits.js';
export { type ParsedWorkflow, parseWorkflow } from './form/file/parse-workflow.js';
export { readYaml, type ReadYaml, type YamlProblem } from './form/file/read-yaml.js';
export { WORKFLOW_FILE_SCHEMA } from './form/file/workflow.schema.js';

export { buildWorkflow, checkWorkflow, MAX_NODES } from './graph/build.js';
export type { CompiledAction, NodeDefinition, WorkflowDefinition } from './graph/definition.js';
export type {
  EachAction,
  FallbackNode,
  FallbackWorkflow,
  HttpAction,
  HttpMethod,
  JsonSchema,
  Keyed,
  LlmAction,
  NodeAction,
  NodeDraft,
  NodeKey,
  NodePolicies,
  NodeSettings,
  PromptFile,
  WorkflowDraft,
  Worded,
  WorkflowSettings,
} from './graph/draft.js';
export {
  DEFAULT_HEAL_SETTINGS,
  type Diagnosis,
  type HealFailure,
  type HealSettings,
  type HealView,
  type RemedyFunction,
} from './graph/heal.js';
export { WorkflowDefinitionError, type WorkflowProblem } from './graph/errors.js';
export type { InputProblem } from './graph/input-schema.js';
export type { StepContext } from './graph/step-context.js';
export { ExpressionError, ExpressionSyntaxError } from './expression/expression.js';
export { DEFAULT_EXPRESSION_LIMITS } from './expression/expression.limits.js';
export type { InputMapping } from './expression/mapping.js';
export { UnusableValueError } from './expression/unusable-value.error.js';
export type { NodeAtWork } from './executor/at-work.js';
export type { StartOptions } from './executor/submissions.js';
export type { FailedItem, PartialResult } from './executor/each-result.js';
export { RequestRefusedError, RequestStatusError, RequestTooLargeError } from './request/request.errors.js';
export { isDestination } from './request/destination.js';
export { DEFAULT_REQUEST_OPTIONS, type RequestOptions } from './request/request.options.js';
export type { HttpResult } from './request/run-request.js';
export { DirectoryWatch } from './registry/directory-watch.js';
export type { WorkflowHandler } from './registry/handlers.js';
export type { ReloadReport } from './registry/workflow-loader.js';
export type { WorkflowReport } from './workflow.report.js';

export {
  EXECUTION_STATUSES,
  type ExecutionLedger,
  type ExecutionRecord,
  type ExecutionStatus,
  type ExecutionTotals,
  type HealRecord,
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
  type ExecutionLease,
  type ExecutionListing,
  type ExecutionPage,
  type ExecutionStore,
  leaseOf,
  MAX_PAGE_SIZE,
  type ReplicaRecord,
  type SeenReplica,
  type SharedLedger,
  type UnfinishedExecution,
  type Work,
} from './ledger/execution-store.js';
export {
  type ClusterView,
  type ExecutionBus,
  type ExecutionNews,
  WORKFLOW_CLUSTER,
  type Worker,
  type WorkDispatch,
  type WorkflowCluster,
  type WorkOutcome,
} from './cluster/seams.js';
export type { ExecutorLease, LeaseHolder, LeaseNote, LeaseSeen, LeaseTaken } from './ledger/executor-lease.js';
export type { ItemCounts, ItemFilter, ItemLedger, ItemPage, ItemRecord, ItemSummary } from './ledger/items.js';
export { MemoryExecutionStore } from './ledger/memory.store.js';
export { type ExecutionSums, type WorkflowMetrics } from './ledger/metrics.js';
export { DEFAULT_EXECUTION_RETENTION } from './ledger/retention.js';
export { type JsonValue, WorkflowValueError } from './ledger/json-value.js';
export type { StructuredError } from './ledger/structured-error.js';

export { type ExecutionEvent, eventsOf } from './http/execution-events.js';
export { executionPage, ledgerExcerpt } from './http/bounded.view.js';
export { executionSummary, executionView, ledgerView } from './http/execution.view.js';
export { DEFAULT_EXECUTION_STREAM_OPTIONS } from './http/followed-execution.js';
export { ProblemFilter } from './http/problem.filter.js';
export { type Problem, problemOf } from './http/problem.js';
export { WORKFLOW_ITEM_QUEUE, WORKFLOW_NODE_QUEUE, WORKFLOW_QUEUE, WorkflowRuns } from './redrive/workflow-runs.js';
