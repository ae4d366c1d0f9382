import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import type { EachAction, LlmAction, NodeAction, NodeDraft, PromptFile } from '../../graph/draft.js';
import type { WorkflowProblem } from '../../graph/errors.js';
import { WORKFLOW_FILE_LIMITS } from './file-limits.js';
import type { ParsedWorkflow } from './parse-workflow.js';

/** Puts the texts of prompt files in their places: they are a part of the workflow, and of its version. */
export async function readPromptFiles(parsed: ParsedWorkflow, file: string): Promise<ParsedWorkflow> {
  const { draft } = parsed;
  if (!draft) return parsed;
  const problems: WorkflowProblem[] = [];
  const textOf = async (node: string, at: readonly string[], { file: name }: PromptFile): Promise<string> => {
    try {
      return await readPrompt(dirname(file), name);
    } catch (error) {
      const place = draft.locate?.(['nodes', node, ...at]) ?? {};
      problems.push({
        workflow: draft.name,
        node,
        file,
        message: `${at.join('.')}: ${(error as Error).message}`,
        ...place,
      });
      return '-';
    }
  };
  const withTexts = async (node: string, at: readonly string[], llm: LlmAction): Promise<LlmAction> => {
    const entries = (['prompt', 'system'] as const).map(async (part) => {
      const given = llm[part];
      return typeof given === 'object' ? { [part]: await textOf(node, [...at, 'llm', part], given) } : {};
    });
    return Object.assign({ ...llm }, ...(await Promise.all(entries))) as LlmAction;
  };
  const read = async (node: NodeDraft): Promise<NodeDraft> => {
    const { name, action } = node;
    if (action.type === 'llm') return { ...node, action: { ...action, llm: await withTexts(name, [], action.llm) } };
    if (action.type !== 'each' || action.each.action.type !== 'llm') return node;
    const inner: EachAction['action'] = {
      ...action.each.action,
      llm: await withTexts(name, ['each'], action.each.action.llm),
    };
    return { ...node, action: { type: 'each', each: { ...action.each, action: inner } } satisfies NodeAction };
  };
  const nodes = await Promise.all(draft.nodes.map(read));
  return { draft: { ...draft, nodes }, problems: [...parsed.problems, ...problems] };
}

async function readPrompt(directory: string, name: string): Promise<string> {
  const path = resolve(directory, name);
  const inside = relative(directory, path);
  if (inside === '' || inside.startsWith('..') || isAbsolute(inside))
    throw new Error(`the file '${name}' must lie below the directory of the workflow`);
  const { size } = await stat(path).catch(() => {
    throw new Error(`the file '${name}' cannot be read; it is looked for beside the workflow: ${path}`);
  });
  if (size > WORKFLOW_FILE_LIMITS.bytes)
    throw new Error(`the file '${name}' is larger than ${WORKFLOW_FILE_LIMITS.bytes} bytes`);
  const text = (await readFile(path, 'utf8')).trim();
  if (text === '') throw new Error(`the file '${name}' is empty`);
  return text;
}
