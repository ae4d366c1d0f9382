/** OpenWorkflow: durable chains in this process, its state in PostgreSQL. Its SQLite store needs a newer Node. */
import { OpenWorkflow } from 'openworkflow';
import { BackendPostgres } from 'openworkflow/postgres';

/**
 * Times from the start of its worker, with the runs in the queue already, to the last function: a client would learn of the end
 * only at its next poll, once a second.
 * @returns milliseconds
 */
export async function openWorkflow(url, { nodes, atOnce }) {
  const backend = await BackendPostgres.connect(url);
  const client = new OpenWorkflow({ backend });
  let calls = 0;
  let allCalled;
  const chain = client.defineWorkflow({ name: 'chain' }, async ({ input, step }) => {
    for (let i = 0; i < nodes; i++) {
      await step.run({ name: `n${i}` }, () => {
        if (--calls === 0) allCalled();
        return Promise.resolve(input.n + 1);
      });
    }
  });
  return {
    async round(runs) {
      calls = runs * nodes;
      const ended = new Promise((resolve) => (allCalled = resolve));
      const handles = await Promise.all(Array.from({ length: runs }, (_, n) => chain.run({ n })));
      const worker = client.newWorker({ concurrency: atOnce });
      const startedAt = performance.now();
      await worker.start();
      await ended;
      const elapsed = performance.now() - startedAt;
      // So that no run is left to the next round.
      await Promise.all(handles.map((handle) => handle.result()));
      await worker.stop();
      return elapsed;
    },
    close: () => backend.stop(),
  };
}
