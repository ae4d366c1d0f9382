// Calls a method that always fails, in an application whose disk fails as well, and reports what its callers got.
// argv: database file, spill directory, calls, what changes after the start: 'read-only' | nothing
import 'reflect-metadata';
import { chmodSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DeadLetter, DeadLetterWriter, ResilienceModule } from '@nest-resilience/core';
import { sqliteStore } from '@nest-resilience/store-sql';

const [file, spillDirectory, count, change] = process.argv.slice(2);

class Orders {
  async charge({ order }) {
    throw new Error(`downstream is gone: ${order}`);
  }
}
const descriptor = Object.getOwnPropertyDescriptor(Orders.prototype, 'charge');
DeadLetter('orders')(Orders.prototype, 'charge', descriptor);
Object.defineProperty(Orders.prototype, 'charge', descriptor);

const store = sqliteStore({ file });
class App {}
Module({
  imports: [ResilienceModule.forRoot({ deadLetter: { store, spillDirectory } })],
  providers: [Orders],
})(App);

const app = await NestFactory.createApplicationContext(App, { logger: false, abortOnError: false }).catch((error) => {
  writeSync(1, `${JSON.stringify(error.message)}\n`);
  process.exit(1);
});
const orders = app.get(Orders);
const writer = app.get(DeadLetterWriter, { strict: false });

async function call(from, to) {
  await Promise.all(
    Array.from({ length: to - from }, async (_, i) => {
      const order = `${from + i}`;
      const error = await orders.charge({ order, text: 'x'.repeat(2_000) }).then(
        () => ({ message: 'resolved' }),
        (each) => each,
      );
      const original = error.message === `downstream is gone: ${order}`;
      const { degraded } = writer;
      writeSync(1, `${JSON.stringify({ order, original, degraded, id: error.deadLetterId })}\n`);
    }),
  );
}

if (change === 'read-only') {
  await call(0, 10);
  // Opened again by the next failing call, from a directory that may only be read by then.
  await store.close();
  chmodSync(file, 0o444);
  chmodSync(dirname(file), 0o555);
  await call(10, 60);
  chmodSync(dirname(file), 0o755);
  chmodSync(file, 0o644);
} else {
  for (let from = 0; from < Number(count); from += 10) await call(from, from + 10);
}
await app.close();
writeSync(1, '"closed"\n');
