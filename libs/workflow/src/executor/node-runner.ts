import type { Clock } from '@nest-resilience/core';
import type { Scope } from '../expression/expression.js';
import type { ItemAction, NodeDefinition, WorkflowDefinition } from '../graph/definition.js';
import type { HealView } from '../graph/heal.js';
import { withKeys } from '../graph/policy-keys.js';
import type { StepContext } from '../graph/step-context.js';
import type { NodeRecord } from '../ledger/execution.js';
import { deepFreeze, type JsonValue, toJsonValue, toJsonValueInTurns } from '../ledger/json-value.js';
import { structuredError } from '../ledger/structured-error.js';
import { WorkflowResultError } from '../workflow.errors.js';
import { abortable } from './abortable.js';
import { AttemptLog, type Trier } from './attempt-log.js';
import { callKeys } from './call-keys.js';
import { runHealing } from './heal.js';
import { isTrue } from './is-true.js';
import { ItemRunner, KeptList } from './item-runner.js';
import {
  idempotencyKey,
  type ItemCall,
  methodOf,
  type NodeCall,
  type NodeRun,
  scopeOf,
  type Served,
} from './node-call.js';
import { servedBy } from './attempt-log.js';
import { readyResults } from './large-lists.js';
import type { EndedItem } from './run-each.js';
import { type ActionWorld, runAction } from './run-action.js';
import { endsRun } from './run-stop.js';
import type { Spent } from './summary.js';

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
  /** The process is going: nothing new begins, and what fails now may fail for that. */
  stopping(): boolean;
  /** Called for each failed item of an `each` node that keeps them; resolves with the entry's id. */
  keepItem(run: NodeRun, node: string, index: number, error: unknown): Promise<string | undefined>;
}

/** How a node ended. `error` is what was thrown, for whoever needs the object and not its description. */
export interface NodeOutcome {
  readonly record: NodeRecord;
  readonly error?: unknown;
}

/** Runs one node through its condition, its policies and its fallbacks. Never rejects, except when the run was aborted. */
export class NodeRunner {
  private readonly items: ItemRunner;

  constructor(private readonly world: NodeWorld) {
    this.items = new ItemRunner(world, (target, action, call) => this.healed(target, action, call));
  }

  async run(node: NodeDefinition, run: NodeRun, results: Scope): Promise<NodeOutcome> {
    const { clock } = this.world;
    const startedAt = clock.epochNow();
    const begun = clock.now();
    const log = new AttemptLog(clock);
    const scope = scopeOf(run, results);
    const call: NodeCall = { node, run, results, scope, log, level: 0, given: run.input };
    const record = (
      rest: Omit<NodeRecord, 'node' | 'optional' | 'startedAt' | 'finishedAt' | keyof Spent>,
    ): NodeRecord => ({
      node: node.name,
      optional: node.optional,
      startedAt,
      // The wall clock may have been set meanwhile.
      finishedAt: Math.round(startedAt + clock.now() - begun),
      ...log.spent,
      ...(log.items && { items: log.items }),
      ...rest,
    });
    let left: (() => void) | undefined;
    try {
      if (node.when && !isTrue(await node.when.evaluate(scope)))
        return { record: record({ status: 'skipped', fallbackLevel: 0, degraded: false }) };
      left = run.begun?.(node.name, startedAt, log);
      const served = await abortable(this.serve(node, call), run.signal);
      const result = await this.resultOf(node, served.value);
      const { by, level } = log.methodFallback ?? served;
      const degraded = level > 0 || log.degraded;
      return {
        record: record({
          status: 'succeeded',
          ...(result !== undefined && { result }),
          fallbackLevel: level,
          degraded,
          ...(level > 0 && { servedBy: by }),
        }),
      };
    } catch (error) {
      if (endsRun(error, run.signal)) throw error;
      return {
        record: record({
          status: 'failed',
          error: structuredError(error, node.name),
          fallbackLevel: 0,
          degraded: false,
        }),
        error,
      };
    } finally {
      left?.();
    }
  }

  /** What the record has of it: nothing of a list that is too large. */
  private async resultOf({ name }: NodeDefinition, value: unknown): Promise<JsonValue | undefined> {
    if (value instanceof KeptList) return value.result && deepFreeze(value.result);
    return toJsonValueInTurns(value, `the result of node '${name}'`, this.world.maxResultBytes);
  }

  /** The node itself, then its fallbacks in order; when all fail the node's own error is thrown. */
  private async serve(target: NodeDefinition, call: NodeCall): Promise<Served> {
    const trier: Trier = { by: target.name, level: call.level, ...call.heals };
    try {
      const value = await this.execute(target, call, trier);
      // Checked here, so that a result that cannot be kept is a failure the fallbacks can mend.
      if (!(value instanceof KeptList))
        toJsonValue(value, `the result of node '${target.name}'`, this.world.maxResultBytes);
      return { value, by: target.name, level: trier.level };
    } catch (error) {
      if (endsRun(error, call.run.signal)) throw error;
      for (const name of target.fallback) {
        const fallback = call.run.definition.nodes.get(name);
        if (!fallback) continue;
        call.log.noteFallback(trier);
        call.level++;
        try {
          return await this.serve(fallback, call);
        } catch (other) {
          if (endsRun(other, call.run.signal)) throw other;
        }
      }
      throw error;
    }
  }

  private async execute(target: NodeDefinition, call: NodeCall, trier: Trier): Promise<unknown> {
    const { action } = target;
    if (action.type !== 'each') return this.healed(target, action, { ...call, trier });
    return this.items.run(target, action, call, trier);
  }

  /** Runs one item of an `each` node once more. Resolves with how it ended, and with nothing where there is no such item any more. */
  async redriveItem(node: NodeDefinition, run: NodeRun, results: Scope, index: number): Promise<EndedItem | undefined> {
    const { action } = node;
    if (action.type !== 'each') return undefined;
    const scope = scopeOf(run, results);
    const log = new AttemptLog(this.world.clock);
    const call = { node, run, results, scope, log, level: 0, given: run.input };
    return this.items.again(node, action, call, index);
  }

  private healed(target: NodeDefinition, action: ItemAction, call: ItemCall): Promise<unknown> {
    let input: unknown = call.given;
    const attempt = async (view?: HealView): Promise<unknown> => {
      const scope = view ? { ...call.scope, heal: view } : call.scope;
      input = target.input ? await this.inputOf(target, scope) : call.given;
      return this.attempt(target, action, { ...call, input, scope }, call.trier);
    };
    if (!target.heal) return attempt();
    const { run, log, trier } = call;
    return runHealing(target.heal, {
      node: target.name,
      trier,
      log,
      clock: this.world.clock,
      executionId: run.executionId,
      idempotencyKey: idempotencyKey(run.executionId, call.node.name, trier),
      signal: run.signal,
      input: () => input,
      attempt,
      runNode: async (name, view) => {
        const helper = run.definition.nodes.get(name);
        if (!helper) throw new Error(`there is no node '${name}' any more`);
        const scope = { ...call.scope, heal: view };
        const given = toJsonValue(view, `the input of node '${name}'`, this.world.maxResultBytes);
        const heals = { round: view.round, ...(trier.index !== undefined && { index: trier.index }) };
        const served = await this.serve(helper, { ...call, scope, given, level: 0, heals });
        return toJsonValue(served.value, `the result of node '${name}'`, this.world.maxResultBytes);
      },
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
    const { run, log, node, scope, input } = call;
    const isStep = action.type === 'run' || action.type === 'call';
    const results = isStep ? await readyResults(call.results) : call.results;
    const once = ({ number, signal }: { readonly number: number; readonly signal: AbortSignal }): Promise<unknown> => {
      const context: StepContext = {
        input,
        results,
        errors: run.errors ?? {},
        node: node.name,
        executionId: run.executionId,
        idempotencyKey: idempotencyKey(run.executionId, node.name, trier),
        signal,
        attempt: number,
        ...(trier.index !== undefined && { index: trier.index }),
      };
      const work = async (): Promise<unknown> => {
        let served = scope.served;
        const value = await runAction(action, scope, context, this.world, (answer) => {
          log.noteAnswer(trier, answer);
          served = { ...(scope.served as object), [target.name]: servedBy(answer) };
        });
        if (target.expect && !isTrue(await target.expect.evaluate({ ...scope, served, result: value })))
          throw new WorkflowResultError(target.name, target.expect.source);
        return value;
      };
      return log.note(trier, signal, work, methodOf(action));
    };
    const policy = this.world.policy(run.definition, target);
    try {
      if (!policy) return await once({ number: 1, signal: run.signal });
      const keys = await callKeys(target.policies, scope, input);
      return await withKeys(keys, () => policy.execute(once, { signal: run.signal }));
    } catch (error) {
      log.noteRefusal(trier, error);
      throw error;
    }
  }
}
