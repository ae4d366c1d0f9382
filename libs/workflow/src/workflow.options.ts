import type { CanActivate, Type } from '@nestjs/common';
import { option } from '@nest-resilience/core';
import { DEFAULT_STORE_TIMEOUT_MS } from './executor/ledger-patience.js';
import type { WorkflowBuilder } from './form/builder/workflow.builder.js';
import type { WorkflowDefinition } from './graph/definition.js';
import type { ExecutionStore } from './ledger/execution-store.js';
import { DEFAULT_EXECUTION_RETENTION } from './ledger/retention.js';
import type { LlmPort } from './llm.port.js';
import type { WorkflowHandler } from './registry/handlers.js';
import type { RequestOptions } from './request/request.options.js';
import type { WorkflowLimitOptions } from './workflow.limits.js';

/** Injection token of the {@link WorkflowModuleOptions}. */
export const WORKFLOW_OPTIONS = Symbol.for('nest-resilience:workflow-options');

const TIMES = option.options({
  /** How long ended executions are kept; `false`: for ever. @default '30d', where the store can forget */
  retention: option.orFalse(option.duration(DEFAULT_EXECUTION_RETENTION)),
  /**
   * How long a submission waits for the store before it is refused with `RESILIENCE_STORE_UNAVAILABLE` (503). While the store answers
   * nobody, the next ones are refused at once. @default '2s'
   */
  storeTimeout: option.duration(DEFAULT_STORE_TIMEOUT_MS, { min: 1 }),
});

export interface WorkflowModuleOptions extends option.OptionsOf<typeof TIMES.spec> {
  /** Directories of workflow files (`.yaml`, `.yml`, `.json`). */
  readonly directory?: string | readonly string[];
  /** Workflows made in code. Classes with `@Workflow()` are found by themselves. */
  readonly definitions?: readonly (WorkflowDefinition | WorkflowBuilder)[];
  /** Where executions are kept. @default memory, with a warning: nothing outlives the process */
  readonly store?: ExecutionStore;
  /** Functions that `call` nodes can name. */
  readonly handlers?: Readonly<Record<string, WorkflowHandler>>;
  /** The language model that `llm` nodes call. @default the provider of `WORKFLOW_LLM`, if there is one */
  readonly llm?: LlmPort;
  readonly limits?: WorkflowLimitOptions;
  /** Take files in use as soon as they change. With a problem in any of them nothing changes. @default false */
  readonly watch?: boolean;
  /**
   * Executions that earlier processes left unfinished go on by themselves. `false`: they stay as they are until somebody resumes or
   * cancels them, e.g. because one of them keeps taking the process along. @default true
   */
  readonly resume?: boolean;
  /**
   * This process is of no use without its store: the health check `store` is down, and critical, while the store fails. Otherwise it
   * is degraded. @default false
   */
  readonly storeCritical?: boolean;
  /** What the requests of `http` nodes may do. @default public addresses only */
  readonly requests?: RequestOptions;
}

/** What must be known when the module is declared, also by `forRootAsync`. */
export interface WorkflowModuleExtras {
  /**
   * HTTP routes, and who may use them: `true` whom `AdminModule.forRoot({ token } | { guard })` lets in and nobody without it,
   * `'open'` everybody, `guards` whom these let in, `false` no routes. @default true
   */
  readonly http?: boolean | 'open' | { readonly guards: readonly (Type<CanActivate> | CanActivate)[] };
  /** @default true */
  readonly isGlobal?: boolean;
}

/** Milliseconds; without a `retention`: for ever. @throws ResilienceOptionsError */
export function readTimes({ retention, storeTimeout }: WorkflowModuleOptions): option.ResolvedOf<typeof TIMES.spec> {
  return option.read(TIMES, { retention, storeTimeout }, 'WorkflowModule');
}
