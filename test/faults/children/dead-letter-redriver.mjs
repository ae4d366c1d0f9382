// Redrives every entry of a database; the effect is a row with the order as its key, as an effect that honours its key has it.
// argv: url, leaseMs, calls after which the effect is done but the call never comes back | 0
import { setInterval } from 'node:timers';
import { writeSync } from 'node:fs';
import pg from 'pg';
import { DeadLetterService, systemClock } from '@nest-resilience/core';
import { postgresStore } from '@nest-resilience/store-sql';

const [url, leaseMs, stopAfter] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url, max: 2 });
const store = postgresStore({ url, poolSize: 3 });
let calls = 0;
const service = new DeadLetterService({
  store,
  clock: systemClock,
  events: { listens: () => false, emit() {} },
  leaseMs: Number(leaseMs),
  replay: async (_target, [{ order }]) => {
    await pool.query('insert into calls (effect) values ($1)', [order]);
    await pool.query('insert into effects (key) values ($1) on conflict do nothing', [order]);
    if (++calls !== Number(stopAfter)) return;
    writeSync(1, 'stopped\n');
    await new Promise(() => setInterval(() => undefined, 1_000));
  },
});
const report = await service.redriveAll({}, { ratePerSecond: 10_000 });
writeSync(1, `${JSON.stringify({ calls, ...report })}\n`);
await store.close();
await pool.end();
