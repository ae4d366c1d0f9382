// Begins to redrive one entry and never comes to an end. argv: file, id, leaseMs
import { setInterval } from 'node:timers';
import { writeSync } from 'node:fs';
import { DeadLetterService, systemClock } from '@nest-resilience/core';
import { sqliteStore } from '@nest-resilience/store-sql';

const [file, id, leaseMs] = process.argv.slice(2);
const service = new DeadLetterService({
  store: sqliteStore({ file }),
  clock: systemClock,
  events: { listens: () => false, emit() {} },
  leaseMs: Number(leaseMs),
  replay: () => {
    writeSync(1, 'running\n');
    return new Promise(() => setInterval(() => undefined, 1_000));
  },
});
await service.redrive(id);
