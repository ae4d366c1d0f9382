// Stores failed calls as fast as it can and reports each id only after it was acknowledged. Its parent kills it.
// Lines are `id execution`. argv: file | '-' (a store that always fails), spill directory | '-', calls at once
import { writeSync } from 'node:fs';
import {
  classifyError,
  DEFAULT_DEAD_LETTER_OPTIONS,
  DeadLetterWriter,
  FailedCallCapture,
  StoringDeadLetterSink,
  systemClock,
} from '@nest-resilience/core';
import { sqliteStore } from '@nest-resilience/store-sql';

const [file, spillDirectory, callers] = process.argv.slice(2);
const failing = {
  name: 'failing',
  add: () => Promise.reject(new Error('down')),
  get: () => Promise.reject(new Error('down')),
};
const store = file === '-' ? failing : sqliteStore({ file });
const writer = new DeadLetterWriter({
  store,
  clock: systemClock,
  ...(spillDirectory !== '-' && { spillDirectory }),
  log: { warn() {}, error() {} },
});
const capture = new FailedCallCapture({ clock: systemClock, classify: classifyError });
const events = { listens: () => false, emit() {} };
const sink = new StoringDeadLetterSink({ capture, writer, events }, DEFAULT_DEAD_LETTER_OPTIONS);

/** A hundred callers fill the pipe faster than it is read. */
function say(line) {
  for (;;) {
    try {
      return writeSync(1, line);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

async function failForEver(caller) {
  for (let call = 0; ; call++) {
    const executionId = `${process.pid}-${caller}-${call}`;
    const id = await sink.store({
      target: 'OrderService.charge',
      args: [{ order: executionId, at: new Date(), text: 'x'.repeat(500) }],
      error: new Error('downstream is gone'),
      attempts: [],
      fallbacks: [],
      executionId,
      firstFailedAt: Date.now(),
      reason: 'failed',
    });
    if (id !== undefined) say(`${id} ${executionId}\n`);
  }
}

await Promise.all(Array.from({ length: Number(callers) }, (_, caller) => failForEver(caller)));
