import type { Clock } from '@nest-resilience/core';
import type { Scope } from '../expression/expression.js';
import type { ItemAction, NodeDefinition, WorkflowDefinition } from '../graph/definition.js';
import type { StepContext } from '../graph/step-context.js';
import type { NodeRecord } from '../ledger/execution.js';
import { deepFreeze, type JsonValue, toJsonValue } from '../ledger/json-value.js';
import { structuredError } from '../ledger/structured-error.js';
import { abortable } from './abortable.js';
import { AttemptLog, type Trier } from './attempt-log.js';
import { runEach } from './run-each.js';
import { type ActionWorld, runAction } from './run-action.js';

/** The policy of a node, as `ResilienceService.policy` makes it. */
export interface NodePolicy {
  execute<T>(
    attempt: (context: { readonly number: number; readonly signal: AbortSignal }) => Promise<T>,
    options: { readonly signal: AbortSignal },
  ): Promise<T>;
}

export interface NodeWorld extends ActionWorld {
  readonly clock: Clock;
  /** `undefined` for a node without policies. */
  policy(definition: WorkflowDefinition, node: NodeDefinition): NodePolicy | undefined;
  readonly maxResultBytes: number;
}

/** The run that a node is part of. */
export interface NodeRun {
  readonly definition: WorkflowDefinition;
  readonly executionId: string;
  readonly input: JsonValue;
  readonly signal: AbortSignal;
}

/** How a node ended. `error` is what was thrown, for whoever needs the object and not its description. */
export interface NodeOutcome {
  readonly record: NodeRecord;
  readonly error?: unknown;
}

/** Runs one node through its condition, its policies and its fallbacks. Never rejects, except when the run was aborted. */
export class NodeRunner {
  constructor(private readonly world: NodeWorld) {}

  async run(node: NodeDefinition, run: NodeRun, results: Scope): Promise<NodeOutcome> {
    const { clock, maxResultBytes } = this.world;
    const startedAt = clock.epochNow();
    const log = new AttemptLog(clock);
    const scope = deepFreeze({ ...results, input: run.input });
    const call: NodeCall = { node, run, results, scope, log, level: 0 };
    const record = (
      rest: Omit<
        NodeRecord,
        'node' | 'optional' | 'startedAt' | 'finishedAt' | 'attempts' | 'attemptCount' | 'retryCount'
      >,
    ): NodeRecord => ({
      node: node.name,
      optional: node.optional,
      startedAt,
      finishedAt: clock.epochNow(),
      attempts: log.attempts,
      attemptCount: log.attemptCount,
      retryCount: log.retryCount,
      ...(log.usage && { usage: log.usage }),
      ...(log.costUsd !== undefined && { costUsd: log.costUsd }),
      ...(log.answer && { provider: log.answer.provider, providerLevel: log.answer.fallbackLevel }),
      ...rest,
    });
    try {
      if (node.when && !isTrue(await node.when.evaluate(scope)))
        return { record: record({ status: 'skipped', fallbackLevel: 0, degraded: false }) };
      const served = await abortable(this.serve(node, call), run.signal);
      const result = toJsonValue(served.value, `the result of node '${node.name}'`, maxResultBytes);
      const { by, level } = log.methodFallback ?? served;
      const degraded = level > 0 || log.answer?.degraded === true;
      return {
        record: record({
          status: 'succeeded',
          result,
          fallbackLevel: level,
          degraded,
          ...(level > 0 && { servedBy: by }),
        }),
      };
    } catch (error) {
      if (run.signal.aborted) throw error;
      return {
        record: record({
          status: 'failed',
          error: structuredError(error, node.name),
          fallbackLevel: 0,
          degraded: false,
        }),
        error,
      };
    }
  }

  /** The node itself, then its fallbacks in order; when all fail the node's own error is thrown. */
  private async serve(target: NodeDefinition, call: NodeCall): Promise<Served> {
    const trier: Trier = { by: target.name, level: call.level };
    try {
      const value = await this.execute(target, call, trier);
      // Checked here, so that a result that cannot be kept is a failure the fallbacks can mend.
      toJsonValue(value, `the result of node '${target.name}'`, this.world.maxResultBytes);
      return { value, by: target.name, level: trier.level };
    } catch (error) {
      if (call.run.signal.aborted) throw error;
      for (const name of target.fallback) {
        const fallback = call.run.definition.nodes.get(name);
        if (!fallback) continue;
        call.log.noteFallback(trier);
        call.level++;
        try {
          return await this.serve(fallback, call);
        } catch {
          if (call.run.signal.aborted) throw error;
        }
      }
      throw error;
    }
  }

  private async execute(target: NodeDefinition, call: NodeCall, trier: Trier): Promise<unknown> {
    const { action } = target;
    const { scope } = call;
    if (action.type !== 'each') {
      const input = target.input ? await this.inputOf(target, scope) : call.run.input;
      return this.attempt(target, action, { ...call, input, scope }, trier);
    }
    const items = await action.items.evaluate(scope);
    return runEach(items, action, async (item, index) => {
      const itemScope = { ...scope, [action.as]: item, index };
      const input = target.input ? await this.inputOf(target, itemScope) : item;
      return this.attempt(target, action.action, { ...call, input, scope: itemScope }, { ...trier, index });
    });
  }

  /** As JSON: what expressions build carries marks of their engine, and a step may want to clone or send its input. */
  private async inputOf(target: NodeDefinition, scope: Scope): Promise<JsonValue> {
    return toJsonValue(
      await target.input?.evaluate(scope),
      `the input of node '${target.name}'`,
      this.world.maxResultBytes,
    );
  }

  private async attempt(
    target: NodeDefinition,
    action: ItemAction,
    call: NodeCall & { input: unknown },
    trier: Trier,
  ): Promise<unknown> {
    const { run, log, node, results, scope, input } = call;
    const once = ({ number, signal }: { readonly number: number; readonly signal: AbortSignal }): Promise<unknown> => {
      const context: StepContext = {
        input,
        results,
        node: node.name,
        executionId: run.executionId,
        idempotencyKey: idempotencyKey(run.executionId, node.name, trier),
        signal,
        attempt: number,
        ...(trier.index !== undefined && { index: trier.index }),
      };
      const work = (): Promise<unknown> =>
        runAction(action, scope, context, this.world, (answer) => log.noteAnswer(trier, answer));
      return log.note(trier, signal, work, methodOf(action));
    };
    const policy = this.world.policy(run.definition, target);
    try {
      return await (policy ? policy.execute(once, { signal: run.signal }) : once({ number: 1, signal: run.signal }));
    } catch (error) {
      log.noteRefusal(trier, error);
      throw error;
    }
  }
}

interface NodeCall {
  /** The node that is to be served. */
  readonly node: NodeDefinition;
  readonly run: NodeRun;
  readonly results: Scope;
  readonly scope: Scope;
  readonly log: AttemptLog;
  /** Fallbacks tried so far. */
  level: number;
}

interface Served {
  readonly value: unknown;
  readonly by: string;
  readonly level: number;
}

function idempotencyKey(executionId: string, node: string, { by, index }: Trier): string {
  return [executionId, node, ...(by === node ? [] : [by]), ...(index === undefined ? [] : [String(index)])].join(':');
}

/** The name under which the policies of a called method report. */
function methodOf(action: ItemAction): string | undefined {
  if (action.type === 'call') return action.target;
  return action.type === 'run' ? action.method : undefined;
}

/** As JSONata's $boolean: empty texts, lists and objects are not true. */
function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isTrue);
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}
