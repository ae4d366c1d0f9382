import type { CanActivate, Type } from '@nestjs/common';
import { type Duration, OptionsReader, parseDuration } from '@nest-resilience/core';
import { DEFAULT_STORE_TIMEOUT_MS } from './executor/ledger-patience.js';
import type { WorkflowBuilder } from './form/builder/workflow.builder.js';
import type { WorkflowDefinition } from './graph/definition.js';
import type { ExecutionStore } from './ledger/execution-store.js';
import { DEFAULT_EXECUTION_RETENTION } from './ledger/retention.js';
import type { LlmPort } from './llm.port.js';
import type { WorkflowHandler } from './registry/handlers.js';
import type { RequestOptions } from './request/request.options.js';
import { DEFAULT_WORKFLOW_LIMITS, type WorkflowLimits } from './workflow.limits.js';

/** Injection token of the {@link WorkflowModuleOptions}. */
export const WORKFLOW_OPTIONS = Symbol.for('nest-resilience.workflow.options');

export interface WorkflowModuleOptions {
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
  /** How long ended executions are kept; `false`: for ever. @default '30d', where the store can forget */
  readonly retention?: Duration | false;
  /**
   * Executions that earlier processes left unfinished go on by themselves. `false`: they stay as they are until somebody resumes or
   * cancels them, e.g. because one of them keeps taking the process along. @default true
   */
  readonly resume?: boolean;
  /**
   * How long a submission waits for the store before it is refused with `RESILIENCE_STORE_UNAVAILABLE` (503). While the store answers
   * nobody, the next ones are refused at once. @default '2s'
   */
  readonly storeTimeout?: Duration;
  /**
   * This process is of no use without its store: the health check `store` is down, and critical, while the store fails. Otherwise it
   * is degraded. @default false
   */
  readonly storeCritical?: boolean;
  /** What the requests of `http` nodes may do. @default public addresses only */
  readonly requests?: RequestOptions;
}

/** {@link WorkflowLimits} as they are written. */
export interface WorkflowLimitOptions {
  /** Nodes of one run at work at once. @default 8 */
  readonly parallelNodes?: number;
  /** Runs at once; further ones are queued. @default 50 */
  readonly running?: number;
  /** Queued runs; further submissions are refused (429). @default 1000 */
  readonly queued?: number;
  /** Bytes of JSON of an input. @default 1_048_576 */
  readonly inputBytes?: number;
  /** Bytes of JSON of a node's result and of the output. @default 1_048_576 */
  readonly resultBytes?: number;
  /** What nodes at work get when the process shuts down. @default '10s' */
  readonly shutdown?: Duration;
  /** What `?wait=` may take at most. @default '60s' */
  readonly wait?: Duration;
  /** Clients that follow executions at once (`GET /executions/:id/events`); further ones are refused (503). @default 1000 */
  readonly followers?: number;
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

/** Milliseconds; `undefined`: for ever. @throws ResilienceOptionsError */
export function readRetention({ retention }: Pick<WorkflowModuleOptions, 'retention'>): number | undefined {
  if (retention === false) return undefined;
  const reader = new OptionsReader<{ retention?: Duration | undefined }>({ retention }, 'WorkflowModule', [
    'retention',
  ]);
  const ageMs = reader.duration('retention', parseDuration(DEFAULT_EXECUTION_RETENTION) ?? 0);
  reader.finish();
  return ageMs;
}

/** Milliseconds. @throws ResilienceOptionsError */
export function readStoreTimeout({ storeTimeout }: Pick<WorkflowModuleOptions, 'storeTimeout'>): number {
  const reader = new OptionsReader<{ storeTimeout?: Duration | undefined }>({ storeTimeout }, 'WorkflowModule', [
    'storeTimeout',
  ]);
  const timeoutMs = reader.duration('storeTimeout', DEFAULT_STORE_TIMEOUT_MS, { min: 1 });
  reader.finish();
  return timeoutMs;
}

/** @throws ResilienceOptionsError with every problem at once */
export function readLimits(options: WorkflowLimitOptions | undefined): WorkflowLimits {
  const defaults = DEFAULT_WORKFLOW_LIMITS;
  const reader = new OptionsReader<WorkflowLimitOptions>(options, 'WorkflowModule > limits', [
    'parallelNodes',
    'running',
    'queued',
    'inputBytes',
    'resultBytes',
    'shutdown',
    'wait',
    'followers',
  ]);
  const count = (name: keyof WorkflowLimitOptions & keyof WorkflowLimits, min: number): number =>
    reader.number(name, defaults[name], { min, integer: true });
  const limits: WorkflowLimits = {
    parallelNodes: count('parallelNodes', 1),
    running: count('running', 1),
    queued: count('queued', 0),
    inputBytes: count('inputBytes', 2),
    resultBytes: count('resultBytes', 2),
    shutdownMs: reader.duration('shutdown', defaults.shutdownMs),
    waitMs: reader.duration('wait', defaults.waitMs),
    followers: count('followers', 0),
  };
  reader.finish();
  return limits;
}
