/** What 1,000 decorated methods add to the start of an application. Every start is a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';

import { atMost, report } from './harness/report.mjs';
import { Results } from './harness/statistics.mjs';

const ROUNDS = 15;
const PLAIN = 'undecorated';
const OURS = 'ours: all five policies on each';
const ARMS = { [PLAIN]: 'none', [OURS]: 'five', 'ours: Retry on each': 'retry' };

const results = new Results();
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, policies] of Object.entries(ARMS)) results.add(name, await startUp(policies));
}

report({
  what: 'Start of an application with 1,000 methods (100 classes of 10)',
  unit: 'ms',
  ours: OURS,
  results,
  goals: [atMost(50, results.over(OURS, PLAIN), 'over the undecorated', ' ms', results.min(OURS) - results.min(PLAIN))],
});

async function startUp(policies) {
  const child = fork(new URL('./boot.application.mjs', import.meta.url), [policies]);
  const [ms] = await once(child, 'message');
  await once(child, 'exit');
  return ms;
}
