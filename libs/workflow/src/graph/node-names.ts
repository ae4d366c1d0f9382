import type { NodeDraft } from './draft.js';
import { healNodes } from './heal.js';

/** Nodes that run only when this one fails. */
export function helpers(node: NodeDraft): string[] {
  return [...fallbackNames(node), ...healNodes(node.heal).map((helper) => helper.node)];
}

export function fallbackNames(node: NodeDraft): string[] {
  return byPriority((node.fallback ?? []).map((entry) => (typeof entry === 'string' ? { node: entry } : entry))).map(
    (entry) => entry.node,
  );
}

export function byPriority<T extends { readonly priority?: number }>(entries: readonly T[]): T[] {
  return [...entries].sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0));
}

export function list(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}
