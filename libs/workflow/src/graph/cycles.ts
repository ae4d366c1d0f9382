/** Edges by node: to the nodes it waits for. */
export type Edges = ReadonlyMap<string, readonly string[]>;

/** Nodes so that each comes after those it waits for (written order where free), and every cycle as a path `a, b, a`. */
export function sortGraph(edges: Edges): { order: string[]; cycles: string[][] } {
  const order: string[] = [];
  const cycles: string[][] = [];
  const state = new Map<string, 'visiting' | 'done'>();
  const path: string[] = [];

  // Written without recursion: a file may declare a chain longer than the stack is deep.
  for (const root of edges.keys()) {
    if (state.has(root)) continue;
    const frames = [enter(root)];
    while (frames.length > 0) {
      const frame = frames[frames.length - 1]!;
      const next = frame.pending.shift();
      if (next === undefined) {
        state.set(frame.node, 'done');
        order.push(frame.node);
        path.pop();
        frames.pop();
      } else if (state.get(next) === 'visiting') {
        cycles.push([...path.slice(path.indexOf(next)), next].reverse());
      } else if (!state.has(next) && edges.has(next)) {
        frames.push(enter(next));
      }
    }
  }
  return { order, cycles };

  function enter(node: string): { node: string; pending: string[] } {
    state.set(node, 'visiting');
    path.push(node);
    return { node, pending: [...(edges.get(node) ?? [])] };
  }
}

/** All nodes that certainly ended before each node. */
export function ancestorsOf(order: readonly string[], edges: Edges): Map<string, ReadonlySet<string>> {
  const ancestors = new Map<string, ReadonlySet<string>>();
  for (const node of order) {
    const all = new Set<string>();
    for (const parent of edges.get(node) ?? []) {
      all.add(parent);
      for (const ancestor of ancestors.get(parent) ?? []) all.add(ancestor);
    }
    ancestors.set(node, all);
  }
  return ancestors;
}
