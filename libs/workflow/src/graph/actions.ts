import { compileExpression } from '../expression/expression.js';
import { textRule } from '../expression/hole-rules.js';
import { compileMapping, compileTemplate, type InputMapping, type Mapping } from '../expression/mapping.js';
import type { CompiledAction, CompiledMessage, ItemAction } from './definition.js';
import type { EachAction, LlmAction, NodeAction, NodeDraft } from './draft.js';
import { compileHttp } from './http-action.js';
import type { ProblemList } from './problems.js';

const DEFAULT_EACH_CONCURRENCY = 4;

/** Compiles what a node does. A part that cannot be compiled is reported and replaced by a constant, so that checking goes on. */
export function compileAction(node: NodeDraft, problems: ProblemList): CompiledAction {
  const at = ['nodes', node.name];
  const { action } = node;
  if (action.type !== 'each') return compileItemAction(action, node.name, at, problems);
  const { each } = action;
  const items = problems.attempt(() => compileExpression(each.items), node.name, [...at, 'each', 'items']);
  checkEach(each, node.name, problems);
  return {
    type: 'each',
    items: items ?? compileExpression('[]'),
    as: each.as ?? 'item',
    concurrency: each.concurrency ?? DEFAULT_EACH_CONCURRENCY,
    partial: each.partial ?? false,
    action: compileItemAction(each.action, node.name, [...at, 'each'], problems),
  };
}

function checkEach(each: EachAction, node: string, problems: ProblemList): void {
  const { concurrency = DEFAULT_EACH_CONCURRENCY, as = 'item' } = each;
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1_000) {
    problems.add(`each.concurrency ${concurrency} is no whole number from 1 to 1000`, node, [
      'nodes',
      node,
      'each',
      'concurrency',
    ]);
  }
  if (!/^[A-Za-z_]\w*$/.test(as) || as === 'input' || as in Object.prototype) {
    problems.add(`each.as '${as}' cannot name the item`, node, ['nodes', node, 'each', 'as']);
  }
}

function compileItemAction(
  action: Exclude<NodeAction, { type: 'each' }>,
  node: string,
  at: readonly string[],
  problems: ProblemList,
): ItemAction {
  switch (action.type) {
    case 'llm':
      return {
        type: 'llm',
        messages: compileMessages(action.llm, node, [...at, 'llm'], problems),
        schema: action.llm.schema,
        model: action.llm.model,
        degraded: action.llm.degraded,
        minQuality: action.llm.minQuality,
      };
    case 'http': {
      const http = compileHttp(action.http, node, [...at, 'http'], problems);
      return http ? { type: 'http', http } : { type: 'constant', value: null };
    }
    case 'transform': {
      const mapping = problems.attempt(() => compileTransform(action.transform), node, [...at, 'transform']);
      return mapping ? { type: 'transform', transform: mapping } : { type: 'constant', value: null };
    }
    default:
      return action;
  }
}

/** A text here is an expression whether it starts with `$` or not: a node that answers a fixed text is a `constant`. */
function compileTransform(transform: InputMapping): Mapping {
  if (typeof transform !== 'string' || transform.includes('{{')) return compileMapping(transform);
  const expression = compileExpression(transform);
  return { expressions: [expression], evaluate: (scope) => expression.evaluate(scope) };
}

function compileMessages(
  llm: LlmAction,
  node: string,
  at: readonly string[],
  problems: ProblemList,
): CompiledMessage[] {
  const { prompt, system, messages = [] } = llm;
  if ((prompt === undefined) === (messages.length === 0))
    problems.add('an llm node needs either "prompt" or "messages"', node, at);
  const all = [
    ...(system === undefined ? [] : [{ role: 'system' as const, content: system, place: 'llm.system' }]),
    ...messages.map((message, index) => ({ ...message, place: `llm.messages[${index}]` })),
    ...(prompt === undefined ? [] : [{ role: 'user' as const, content: prompt, place: 'llm.prompt' }]),
  ];
  return all.flatMap(({ role, content, place }) => {
    if (typeof content !== 'string') {
      problems.add(
        `${place}: '${content.file}' is read for workflow files in a directory; write the text itself`,
        node,
        at,
      );
      return [];
    }
    const rule = textRule(node, place);
    const compiled = problems.attempt(() => compileTemplate(content, { whole: rule, within: rule }), node, at);
    return compiled ? [{ role, content: compiled }] : [];
  });
}
