/**
 * A process that closes its application while a call hangs, and that nothing else keeps alive, must not end before the rest of
 * the shutdown has run: Node ends with code 13 ("unsettled top-level await"), and the call would be in no dead letter.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sqliteStore } from '@nest-resilience/store-sql';

import { startSource } from '../processes/source-process.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'closing-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('An application that is closed while calls hang', () => {
  it.each([
    ['on the real clock', 'system'],
    ['on a clock that nobody moves', 'testing'],
  ])('gives them up, keeps them, runs the later hooks, and only then lets the process end: %s', async (_, time) => {
    const file = join(directory, 'letters.db');
    const { ended, said } = startSource('test/field/closing-application.child.ts', [file, time]);

    const { code } = await ended;

    const kinds = ['promise', 'observable', 'iterable', 'function'];
    expect(said.slice(0, -2).sort()).toEqual(kinds.map((kind) => `${kind} ended with RESILIENCE_SHUTDOWN`).sort());
    expect(said.slice(-2)).toEqual(['the later hook ran', 'closed']);
    expect(code).toBe(0);
    const store = sqliteStore({ file });
    await store.init?.();
    const { items } = await store.list({ limit: 10 });
    await store.close?.();
    expect(items.map(({ queue, reason }) => `${queue}: ${reason}`)).toEqual(kinds.map(() => 'orders: shutdown'));
  });
});
