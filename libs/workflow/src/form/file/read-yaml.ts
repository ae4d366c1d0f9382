import { LineCounter, parseDocument } from 'yaml';
import { MAX_PROBLEMS } from '../../graph/problems.js';
import { WORKFLOW_FILE_LIMITS } from './file-limits.js';
import { findDeepNesting, findTraps } from './hostile-yaml.js';
import { at, locator, placeOf, type Position } from './position.js';

/** What is wrong with a text as such, with its place where it has one. */
export interface YamlProblem extends Partial<Position> {
  readonly message: string;
}

export type ReadYaml =
  | { readonly problems: readonly YamlProblem[] }
  | {
      readonly value: unknown;
      /** Where a key or value stands; as deep as the path exists. */
      readonly locate: ReturnType<typeof locator>;
      readonly problems?: never;
    };

/** Reads one document of YAML or JSON within {@link WORKFLOW_FILE_LIMITS}. Never throws. */
export function readYaml(text: string): ReadYaml {
  if (Buffer.byteLength(text) > WORKFLOW_FILE_LIMITS.bytes)
    return { problems: [{ message: `is larger than ${WORKFLOW_FILE_LIMITS.bytes} bytes` }] };
  const lines = new LineCounter();
  try {
    const deep = findDeepNesting(text);
    if (deep) return { problems: [{ message: deep.message, ...placeOf(text, deep.offset) }] };
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
    const wrong = [...document.errors, ...document.warnings];
    if (wrong.length > 0)
      return { problems: wrong.slice(0, MAX_PROBLEMS).map(({ message, pos }) => ({ message, ...at(lines, pos[0]) })) };
    const traps = findTraps(document);
    if (traps.length > 0) return { problems: traps.map(({ message, offset }) => ({ message, ...at(lines, offset) })) };
    // What aliases unfold into was counted before.
    return { value: document.toJS({ maxAliasCount: -1 }), locate: locator(document, lines) };
  } catch (error) {
    return { problems: [{ message: (error as Error).message, line: 1, column: 1 }] };
  }
}
