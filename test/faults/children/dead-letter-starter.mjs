// One of many replicas that start at once. argv: file | '-', url | '-', number of the replica
import { deadLetterRecord } from '@nest-resilience/core/testing';
import { postgresExecutionStore, postgresStore, sqliteExecutionStore, sqliteStore } from '@nest-resilience/store-sql';

const [file, url, replica] = process.argv.slice(2);
const stores =
  url === '-'
    ? [sqliteStore({ file }), sqliteExecutionStore({ file })]
    : [postgresStore({ url }), postgresExecutionStore({ url })];
await new Promise((resolve) => process.once('message', resolve));
await Promise.all(stores.map((store) => store.init()));
const id = `01900000-0000-7000-8000-00000000000${replica}`;
await stores[0].add(deadLetterRecord({ id }));
await Promise.all(stores.map((store) => store.close()));
process.disconnect();
