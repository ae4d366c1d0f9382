import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sqliteExecutionStore } from '@nest-resilience/store-sql';
import type { ExecutionLedger, ExecutionStore } from '@nest-resilience/workflow';
import { requireBuilt } from './built.js';

/** As many as a list may have; fewer show in less time that the heap does not grow with them. */
const ITEMS = Number(process.env['ITEMS'] ?? 100_000);
const CONCURRENCY = 20;
/** What 100,000 results of 700 characters would be many times over. */
const MAX_GROWTH = 4_000_000;

let directory: string;
let file: string;

beforeAll(() => requireBuilt('resilience', 'store-sql', 'workflow'));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'items-'));
  file = join(directory, 'ledger.db');
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function start(script: string, args: readonly string[], options: readonly string[] = []) {
  const path = fileURLToPath(new URL(`./children/${script}.mjs`, import.meta.url));
  return spawn(process.execPath, [...options, path, file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** A vendor whose every answer is paid. */
class Vendor {
  readonly calls: number[] = [];
  private server: Server | undefined;
  private waiting: { readonly calls: number; reached(): void } | undefined;

  async open(): Promise<string> {
    this.server = createServer((request, response) => {
      const item = Number(request.url!.slice(1));
      this.calls.push(item);
      if (this.calls.length === this.waiting?.calls) this.waiting.reached();
      setTimeout(() => response.end(`${item} ${'x'.repeat(700)}`), 10);
    });
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  until(calls: number): Promise<void> {
    return new Promise((reached) => (this.waiting = { calls, reached }));
  }

  async close(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((closed) => this.server?.close(closed));
  }
}

async function withLedger<T>(look: (store: ExecutionStore, ledger: ExecutionLedger) => Promise<T>): Promise<T> {
  const store = sqliteExecutionStore({ file });
  try {
    const { items } = await store.list({});
    return await look(store, (await store.get(items[0]!.id))!);
  } finally {
    await store.close?.();
  }
}

async function keptItems(): Promise<number[]> {
  return withLedger(async (store, { id }) => {
    const kept: number[] = [];
    let cursor: number | undefined;
    do {
      const page = await store.items!.page(id, { node: 'label', cursor, limit: 500 });
      for (const { index, status, result } of page.items)
        if (status === 'succeeded' && (result as { body: string }).body.startsWith(`${index + 1} x`))
          kept.push(index + 1);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return kept;
  });
}

describe('a list of paid calls', () => {
  it('of 3,000 items, killed three times, pays for each once and for those in flight at each kill', async () => {
    const vendor = new Vendor();
    const url = await vendor.open();
    const inFlight: number[] = [];
    for (const [kill, calls] of [500, 1_200, 2_300].entries()) {
      const reached = vendor.until(calls);
      const child = start('item-runner', [url, kill === 0 ? '3000' : '0']);
      child.stdout.resume();
      await reached;
      child.kill('SIGKILL');
      await once(child, 'close');
      inFlight.push(
        vendor.calls.length - inFlight.reduce((sum, before) => sum + before, 0) - (await keptItems()).length,
      );
    }
    const last = start('item-runner', [url, '0']);
    last.stdout.resume();
    const [code] = (await once(last, 'close')) as [number | null];
    await vendor.close();

    const twice = inFlight.reduce((sum, some) => sum + some, 0);
    process.stdout.write(
      `3,000 items, killed three times: ${vendor.calls.length} paid calls, in flight at the kills ${inFlight.join(', ')}\n`,
    );
    expect(code).toBe(0);
    expect(new Set(vendor.calls).size).toBe(3_000);
    expect(vendor.calls.length).toBe(3_000 + twice);
    for (const some of inFlight) expect(some).toBeLessThanOrEqual(CONCURRENCY);
    expect(await keptItems()).toEqual(Array.from({ length: 3_000 }, (_, index) => index + 1));
    await withLedger(async (_, { status, output, totals, crashes }) => {
      expect({ status, output, crashes }).toMatchObject({
        status: 'succeeded',
        output: { label: { total: 3_000, succeeded: 3_000, failed: 0 } },
      });
      // One for the list; those in flight at a kill are in no ledger.
      expect(totals.attempts).toBe(3_001);
      return Promise.resolve();
    });
  });

  it('of 2,000 answers with 700 characters each ends well', async () => {
    const vendor = new Vendor();
    const child = start('item-runner', [await vendor.open(), '2000']);
    child.stdout.resume();
    const [code] = (await once(child, 'close')) as [number | null];
    await vendor.close();

    expect(code).toBe(0);
    expect(vendor.calls.length).toBe(2_000);
    const { status, nodes, output } = await withLedger((_, ledger) => Promise.resolve(ledger));
    expect(status).toBe('succeeded');
    expect(nodes[1]).toMatchObject({ node: 'label', items: { total: 2_000, succeeded: 2_000, failed: 0 } });
    expect(output).toMatchObject({ label: { total: 2_000 } });
    expect(await keptItems()).toHaveLength(2_000);
  });
});

describe(`a list of ${ITEMS} items`, () => {
  it('needs no more memory at its end than at its beginning', async () => {
    const child = start('item-heap', [String(ITEMS)], ['--expose-gc']);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
    const [code] = (await once(child, 'close')) as [number | null];
    const { status, output, totals, heap, seconds } = JSON.parse(text) as {
      readonly status: string;
      readonly output: object;
      readonly totals: { readonly attempts: number };
      readonly heap: readonly number[];
      readonly seconds: number;
    };

    const inMb = (bytes: number) => (bytes / 1_000_000).toFixed(1);
    const growth = heap.at(-1)! - heap[3]!;
    process.stdout.write(
      `${ITEMS} items in ${seconds.toFixed(0)} s, heap ${heap.map(inMb).join(' ')} MB, grown by ${inMb(growth)} MB\n`,
    );
    expect(code).toBe(0);
    expect({ status, output }).toMatchObject({ status: 'succeeded', output: { label: { succeeded: ITEMS } } });
    expect(totals.attempts).toBe(ITEMS + 1);
    expect(growth).toBeLessThan(MAX_GROWTH);
  });
});
