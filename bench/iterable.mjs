/** What an item of a protected async generator costs, and a stream of one item. */
import { decorate, startApplication } from './harness/application.mjs';
import { interleave } from './harness/interleave.mjs';
import { atMostOver, report } from './harness/report.mjs';
import { allPolicies } from './peers/ours.mjs';

const ITEMS = 200;
const BARE = 'bare async generator';
const OURS = 'ours: all five policies';

class Bare {
  async *tokens(count) {
    for (let i = 0; i < count; i++) yield i;
  }
}
class Protected {
  async *tokens(count) {
    for (let i = 0; i < count; i++) yield i;
  }
}
decorate(Protected, 'tokens', ...allPolicies());

async function read(stream) {
  let items = 0;
  for await (const item of stream) items += item >= 0 ? 1 : 0;
  return items;
}

const application = await startApplication([Protected]);
const bare = new Bare();
const ours = application.get(Protected);
const [many, one] = [ITEMS, 1];
const streams = await interleave([
  { name: BARE, call: () => read(bare.tokens(many)) },
  { name: OURS, call: () => read(ours.tokens(many)) },
]);
const single = await interleave([
  { name: BARE, call: () => read(bare.tokens(one)) },
  { name: OURS, call: () => read(ours.tokens(one)) },
]);
await application.close();

report({
  what: 'Async generator of 200 items, per item',
  unit: 'ns',
  ours: OURS,
  results: streams.dividedBy(ITEMS),
  goals: [atMostOver(3000, streams.dividedBy(ITEMS), OURS, BARE, 'over the bare generator, an item')],
});
report({ what: 'Async generator of one item', unit: 'ns', ours: OURS, results: single, goals: [] });
