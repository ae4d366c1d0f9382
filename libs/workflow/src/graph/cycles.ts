/** Edges by node: to the nodes it waits for. */
export type Edges = ReadonlyMap<string, readonly string[]>;

/** A dense graph has more of them than anybody reads, each as long as the graph. */
const MAX_CYCLES = 20;

/** Nodes so that each comes after those it waits for (written order where free), and cycles, {@link MAX_CYCLES} at most, as paths `a, b, a`. */
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
        if (cycles.length < MAX_CYCLES) cycles.push([...path.slice(path.indexOf(next)), next].reverse());
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
  // As bits by place in the order: with sets, each edge of a dense graph would cost as much as there are nodes.
  const places = new Map(order.map((node, place) => [node, place]));
  const words = Math.ceil(order.length / 32);
  const bits = order.map(() => new Uint32Array(words));
  const ancestors = new Map<string, ReadonlySet<string>>();
  order.forEach((node, at) => {
    const own = bits[at]!;
    for (const parent of edges.get(node) ?? []) {
      const place = places.get(parent);
      if (place === undefined) continue;
      bits[place]!.forEach((word, index) => (own[index]! |= word));
      own[place >> 5]! |= 1 << (place & 31);
    }
    ancestors.set(node, new Set(order.filter((_, place) => place < at && (own[place >> 5]! >>> (place & 31)) & 1)));
  });
  return ancestors;
}
