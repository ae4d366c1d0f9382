import type { Node } from './references.js';

/** Functions that look at each part of what they are given a fixed number of times, and call none. */
const LINEAR_FUNCTIONS = new Set(
  (
    'sum count max min average string length lowercase uppercase trim contains substring substringBefore substringAfter ' +
    'number abs floor ceil round boolean not exists join type'
  ).split(' '),
);

/**
 * Whether evaluation costs at most the length of the source times the size of the data: no functions but the plain ones, no variables
 * (which double what they hold), no patterns, and no predicates (which look at all the data for each part of it).
 */
export function isLinear(node: Node): boolean {
  // The library marks what it keeps, and the scope is frozen.
  if (node['keepSingletonArray'] === true || (node.group !== undefined && node.type === 'path')) return false;
  if (!onlyIndexes(node.predicate) || !onlyIndexes(node.stages)) return false;
  if (node['focus'] !== undefined || node['index'] !== undefined || node['tuple'] !== undefined) return false;
  switch (node.type) {
    case 'string':
    case 'number':
    case 'value':
    case 'name':
      return true;
    case 'variable':
      return node.value === '' || node.value === '$';
    case 'path':
      return (node.steps ?? []).every((step, index) => (index === 0 || step.type === 'name') && isLinear(step));
    case 'binary':
      return node.value !== '..' && all(node['lhs'], node['rhs']);
    case 'condition':
      return all(node['condition'], node['then'], node['else']);
    case 'unary':
      return all(node['expression'], node['expressions'], node.value === '{' ? node['lhs'] : undefined);
    case 'function': {
      const { type, value } = node['procedure'] as Node;
      return type === 'variable' && LINEAR_FUNCTIONS.has(String(value)) && all(node['arguments']);
    }
    default:
      return false;
  }
}

function all(...parts: readonly unknown[]): boolean {
  return parts.every((part) =>
    Array.isArray(part) ? all(...(part as unknown[])) : part === undefined || isLinear(part as Node),
  );
}

function onlyIndexes(stages: unknown): boolean {
  return (
    stages === undefined ||
    (stages as { type: string; expr?: Node }[]).every(({ type, expr }) => type === 'filter' && expr?.type === 'number')
  );
}

/** Units of work that may be done without asking anybody: for JSONata about 60 ms at worst, mostly none. */
const FREE_WORK = 2_000_000;

/** Characters that cost as much as one part of a list or object. */
const CHARACTERS_PER_PART = 64;

/** Whether work of which each character of the source looks at each part of the data once is done before anybody misses this thread. */
export function isCheap(sourceLength: number, data: unknown): boolean {
  return isWithin(data, FREE_WORK / sourceLength, 1 / CHARACTERS_PER_PART);
}

/** Whether a value has at most that many parts and characters. Stops counting as soon as it has more. */
export function isWithin(value: unknown, limit: number, perCharacter = 1): boolean {
  let left = limit;
  const open: unknown[] = [value];
  while (open.length > 0) {
    const part = open.pop();
    left -= typeof part === 'string' ? part.length * perCharacter + 1 : 1;
    if (typeof part === 'object' && part !== null) {
      const parts: unknown[] = Array.isArray(part) ? (part as unknown[]) : Object.values(part);
      if (parts.length > left) return false;
      for (const inner of parts) open.push(inner);
    }
    if (left < 0) return false;
  }
  return true;
}
