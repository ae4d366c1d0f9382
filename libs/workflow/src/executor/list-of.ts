import type { Expression, Scope } from '../expression/expression.js';
import { withLazy } from '../expression/lazy-value.js';
import { UnusableValueError } from '../expression/unusable-value.error.js';

/**
 * The items of an `each` node. JSONata gives one item for a list of one, and for an empty one nothing, which a path that leads
 * nowhere gives as well.
 * @throws UnusableValueError when there is no list
 */
export async function listOf(items: Expression, scope: Scope, node: string): Promise<readonly unknown[]> {
  const value = await items.evaluate(scope);
  if (Array.isArray(value)) return value as unknown[];
  if (value !== undefined && value !== null) return [value];
  if (value === undefined && items.path && leadsSomewhere(await withLazy(scope, items.path.slice(0, 1)), items.path))
    return [];
  throw new UnusableValueError(
    `Node '${node}': the list '${items.source}' is ${value === null ? 'null' : 'nothing'}; correct it, or write '[${items.source}]' if there may be none`,
    ...[node, 'each.items', items.source],
  );
}

/** Whether a path without its filters finds something, or an empty list on its way: then there is a list, of which nothing was asked for. */
function leadsSomewhere(value: unknown, path: readonly string[]): boolean {
  if (Array.isArray(value)) return value.length === 0 || value.some((item) => leadsSomewhere(item, path));
  const [name, ...rest] = path;
  if (name === undefined) return value !== undefined;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return false;
  return leadsSomewhere((value as Record<string, unknown>)[name], rest);
}
