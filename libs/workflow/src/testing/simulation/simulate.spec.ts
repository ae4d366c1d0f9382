import { describe, expect, it } from '@jest/globals';
import { buildWorkflow } from '../../graph/build.js';
import { simulateCluster, type SimulationOptions } from './simulate.js';

const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 20);
const REPLICAS = Number(process.env['SIMULATION_REPLICAS'] ?? 20);

/** Five steps of 50 to 410 ms, one after the other. */
const workflows: SimulationOptions['workflows'] = ({ clock, number }) => [
  buildWorkflow({
    ...{ name: 'chain', deadLetter: false },
    nodes: Array.from({ length: 5 }, (_, place) => ({
      name: `n${place}`,
      action: {
        type: 'run',
        run: ({ node }) =>
          new Promise((resolve) => clock.setTimer(() => resolve({ node }), 50 + ((place * 137 + number) % 7) * 60)),
      },
      ...(place > 0 && { after: [`n${place - 1}`] }),
    })),
  }),
];

describe('a simulated cluster', () => {
  it(`ends everything that it accepted, once, whatever happens (${SEEDS} seeds)`, async () => {
    let [accepted, starts, again] = [0, 0, 0];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const report = await simulateCluster({ seed, replicas: REPLICAS, workflows });
      expect([seed, report.violations]).toEqual([seed, []]);
      accepted += report.accepted;
      starts += report.nodeStarts;
      again += report.startedAgain;
    }
    expect(accepted).toBeGreaterThan(250 * SEEDS);
    process.stdout.write(`${accepted} accepted, ${starts} nodes started, ${again} of them again, 0 violations\n`);
  });

  it('does the same again for the same seed, and something else for another', async () => {
    const run = (seed: number) => simulateCluster({ seed, replicas: 5, executions: 60, faultsMs: 20_000, workflows });

    const [first, again, other] = [await run(1), await run(1), await run(2)];

    expect(again).toEqual(first);
    expect(other.trace).not.toBe(first.trace);
  });

  it.each(['nolease', 'stuck', 'nofence'] as const)('finds out when something is wrong: %s', async (bug) => {
    const found: string[] = [];
    for (let seed = 1; found.length === 0 && seed <= 10; seed++)
      found.push(...(await simulateCluster({ seed, replicas: 10, executions: 200, workflows, bug })).violations);

    expect(found.length).toBeGreaterThan(0);
  });
});
