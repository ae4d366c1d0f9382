#!/usr/bin/env node
import { systemClock } from '@nest-resilience/core/kit';
import { main } from './main.js';

const interrupted = new AbortController();
// Once: a second Ctrl-C ends the process as it always does.
process.once('SIGINT', () => interrupted.abort());
// `export | head` closes the pipe when it has enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

process.exitCode = await main(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  signal: interrupted.signal,
  clock: systemClock,
});
