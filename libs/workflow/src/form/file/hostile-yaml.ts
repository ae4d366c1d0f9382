import { type Document, isAlias, isCollection, isMap, isScalar, Lexer, type Node, visit } from 'yaml';
import { WORKFLOW_FILE_LIMITS } from './file-limits.js';

/** Something about a file that would cost more than it is worth, with its place. */
export interface Trap {
  readonly message: string;
  readonly offset: number;
}

/** Finds nesting that the parser would follow until its stack ends. Reads the text once, without a stack. */
export function findDeepNesting(text: string): Trap | undefined {
  let flow = 0;
  let inLine = 0;
  let offset = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') flow++;
    else if (token === ']' || token === '}') flow--;
    else if (token === '-' || token === '?' || token === ':') inLine++;
    else if (token.includes('\n')) inLine = 0;
    if (flow > WORKFLOW_FILE_LIMITS.depth || inLine > WORKFLOW_FILE_LIMITS.depth) {
      const message = `is nested deeper than ${WORKFLOW_FILE_LIMITS.depth} levels here; make it flatter, or split it into workflows`;
      return { message, offset };
    }
    // Marks of the lexer itself stand for no text.
    if (!CONTROL.has(token)) offset += token.length;
  }
  return undefined;
}

const CONTROL = new Set(['\u0002', '\u0018', '\u001f']);

/** Finds keys that are no names, keys written twice, and aliases that unfold into more than a file may say. */
export function findTraps(document: Document): Trap[] {
  const traps: Trap[] = [];
  const sizes = new Map<Node, number>();
  const unfolded = document.contents ? sizeOf(document.contents, document, sizes, traps) : 0;
  if (unfolded > WORKFLOW_FILE_LIMITS.values && traps.length === 0) {
    traps.push({ message: `holds ${unfolded} values; at most ${WORKFLOW_FILE_LIMITS.values} are allowed`, offset: 0 });
  }
  // The parser's own look for keys written twice compares each with each.
  visit(document, {
    Map(_, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        const offset = (key as Node | null)?.range?.[0] ?? map.range?.[0] ?? 0;
        if (!isScalar(key)) traps.push({ message: 'a key must be a name here, not a list, a map or an alias', offset });
        else if (seen.has(key.value))
          traps.push({ message: `Map keys must be unique; '${String(key.value)}' is written twice`, offset });
        else seen.add(key.value);
      }
    },
  });
  return traps.sort((a, b) => a.offset - b.offset).slice(0, MAX_TRAPS);
}

const MAX_TRAPS = 20;

/** Values that a node unfolds into; an alias counts for all it stands for. */
function sizeOf(node: Node, document: Document, sizes: Map<Node, number>, traps: Trap[]): number {
  const known = sizes.get(node);
  if (known !== undefined) return known;
  // An alias within what it stands for.
  sizes.set(node, Infinity);
  let size = 1;
  if (isAlias(node)) {
    const target = node.resolve(document);
    size = target ? sizeOf(target, document, sizes, traps) : 1;
    if (size > WORKFLOW_FILE_LIMITS.values && traps.length === 0) {
      const many = size === Infinity ? 'without end' : `into ${size} values`;
      const message = `the alias *${node.source} unfolds ${many}; at most ${WORKFLOW_FILE_LIMITS.values} are allowed, write out what is needed`;
      traps.push({ message, offset: node.range?.[0] ?? 0 });
    }
  } else if (isCollection(node)) {
    for (const item of node.items as unknown[]) {
      const value = isMap(node) ? (item as { value: unknown }).value : item;
      if (value) size += sizeOf(value as Node, document, sizes, traps);
    }
  }
  sizes.set(node, size);
  return size;
}
