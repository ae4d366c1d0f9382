/** How many executions of a workflow are at work and wait. */
export interface Load {
  readonly running: number;
  readonly queued: number;
}

/** @param running, queued name of the workflow of each execution */
export function loadByWorkflow(running: Iterable<string>, queued: Iterable<string>): Map<string, Load> {
  const loads = new Map<string, Load>();
  const count = (names: Iterable<string>, figure: keyof Load): void => {
    for (const name of names) {
      const load = loads.get(name) ?? { running: 0, queued: 0 };
      loads.set(name, { ...load, [figure]: load[figure] + 1 });
    }
  };
  count(running, 'running');
  count(queued, 'queued');
  return loads;
}
