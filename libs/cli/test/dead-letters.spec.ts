import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type OrdersApplication, startOrders } from './orders.application.js';
import { runCli, type RunOptions } from './run-cli.js';

let shop: OrdersApplication;

beforeEach(async () => {
  shop = await startOrders();
});

afterEach(() => shop.app.close());

function run(line: string, options: RunOptions = {}) {
  return runCli(['dead-letters', ...line.split(' ')], { ...options, env: { ...shop.env, ...options.env } });
}

const statusOf = async (id: string) => (await shop.deadLetters.get(id))?.status;

describe('dead-letters list', () => {
  it('shows a page as columns and how to get the next one', async () => {
    const [, second = '', third = ''] = await shop.fail('A-1', 'A-2', 'A-3');

    const page = await run('list --queue orders --limit 2');
    const [, cursor = ''] = /--cursor (\S+)/.exec(page.err) ?? [];
    const next = await run(`list --queue orders --limit 2 --cursor ${cursor}`);

    expect(page.code).toBe(0);
    expect(page.out.split('\n')).toEqual([
      expect.stringMatching(/^ID +STATUS +QUEUE +TARGET +CREATED +REDRIVES +ERROR$/),
      expect.stringMatching(
        new RegExp(`^${third}  pending  orders  Orders\\.charge  \\S+Z  0/2       TypeError: bank is down for A-3$`),
      ),
      expect.stringContaining(second),
      '',
    ]);
    expect(next.out).toContain('A-1');
    expect(next.err).toBe('');
  });

  it.each([
    ['--status poisoned', 0],
    ['--status pending,poisoned', 2],
    ['--status pending --status poisoned', 2],
    ['--error-name TypeError', 1],
    ['--target Orders.confirm', 1],
    ['--from 2020-01-01 --to 2021-01-01', 0],
    ['--text a-1', 1],
    ['--order oldest --limit=1', 1],
  ])('takes %s', async (filter, count) => {
    await shop.fail('A-1');
    await shop.orders.confirm({ address: 'ada@example.org' }).catch(() => undefined);

    const { code, out } = await run(`list ${filter} --json`);

    expect(code).toBe(0);
    expect(JSON.parse(out).items).toHaveLength(count);
  });

  it('neither hands escape sequences of an error to the terminal nor exceeds its width', async () => {
    await shop.orders.confirm({ address: 'ada@example.org' }).catch(() => undefined);

    const { out } = await run('list', { terminal: true, env: { NO_COLOR: '1' } });

    expect(out).not.toContain('\u001b');
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('is coloured on a terminal only', async () => {
    await shop.fail('A-1');

    expect((await run('list', { terminal: true })).out).toContain('\u001b[33mpending\u001b[39m');
    expect((await run('list', { terminal: true, env: { TERM: 'dumb' } })).out).not.toContain('\u001b');
    expect((await run('list')).out).not.toContain('\u001b');
  });
});

describe('dead-letters counts', () => {
  it('shows queues and statuses', async () => {
    await shop.fail('A-1', 'A-2');

    const { out } = await run('counts');

    expect(out).toMatch(/^QUEUE +STATUS +COUNT +OLDEST\norders {2}pending {2}2 {6}\S+Z\n$/);
  });
});

describe('dead-letters show', () => {
  it('shows an entry with its arguments', async () => {
    await shop.orders.confirm({ address: 'ada@example.org' }).catch(() => undefined);
    const [entry] = (await shop.deadLetters.list({})).items;

    const { code, out } = await run(`show ${entry?.id}`);

    expect(code).toBe(0);
    expect(out).toMatch(/target +Orders\.confirm\n/);
    expect(out).toContain('RangeError: mailbox full');
    expect(out).toMatch(/not stored +args\[0\]\.address/);
    expect(out).toContain('"address": ');
    expect(out).not.toContain('ada@');
  });

  it('gives what the route gives as --json', async () => {
    const [id = ''] = await shop.fail('A-1');

    const { out } = await run(`show ${id} --json`);

    expect(JSON.parse(out)).toMatchObject({ id, args: [{ id: 'A-1', at: '1970-01-01T00:00:00.005Z' }] });
  });
});

describe('dead-letters redrive', () => {
  it('runs one again', async () => {
    const [id = ''] = await shop.fail('A-1');

    const { code, out } = await run(`redrive ${id}`);

    expect({ code, out }).toEqual({ code: 0, out: '1 of 1: 1 resolved, 0 failed, 0 poisoned, 0 skipped\n' });
    expect(shop.orders.charged).toEqual(['A-1']);
  });

  it('runs those of a filter, oldest first, and names each that failed', async () => {
    const [first = '', second = ''] = await shop.fail('A-1', 'A-2', 'A-3', 'A-4');
    await shop.deadLetters.discard(first);
    shop.orders.down.add('A-2');

    const { code, out } = await run('redrive --queue orders --limit 2');

    expect(code).toBe(1);
    expect(out).toBe(
      `${second}  failed  TypeError: bank is down for A-2\n2 of 2: 1 resolved, 1 failed, 0 poisoned, 0 skipped\n`,
    );
    expect(shop.orders.charged).toEqual(['A-3']);
  });

  it('tells the last failure from those before it, and takes poisoned entries when asked for', async () => {
    const [id = ''] = await shop.fail('A-1');
    shop.orders.down.add('A-1');
    await run('redrive --all');

    const last = await run('redrive --all --json');
    const pending = await run('redrive --all');
    const poisoned = await run('redrive --status poisoned --dry-run');

    expect(JSON.parse(last.out)).toEqual({
      ...{ matched: 1, resolved: 0, failed: 0, poisoned: 1, skipped: 0, dryRun: false, cancelled: false },
      entries: [{ id, outcome: 'poisoned', because: 'TypeError: bank is down for A-1' }],
    });
    expect(pending.out).toContain('0 of 0');
    expect(poisoned.out).toBe('1 would be redriven\n');
  });

  it('pages through more entries than one page holds, each once', async () => {
    const names = Array.from({ length: 130 }, (_, index) => `A-${index}`);
    await shop.fail(...names);
    shop.orders.down.add('A-7');

    const { out } = await run('redrive --queue orders --rate 1000');

    expect(out).toContain('130 of 130: 129 resolved, 1 failed');
    expect(shop.orders.charged).toEqual(names.filter((name) => name !== 'A-7'));
  });

  it('changes nothing in a dry run', async () => {
    const [id = ''] = await shop.fail('A-1');

    const { code, out } = await run('redrive --queue orders --dry-run');

    expect({ code, out }).toEqual({ code: 0, out: '1 would be redriven\n' });
    expect(await statusOf(id)).toBe('pending');
  });

  it('skips what cannot be run, says why and goes on', async () => {
    const [id = ''] = await shop.fail('A-1');

    const { code, out } = await run(`redrive nowhere ${id}`);

    expect(code).toBe(1);
    expect(out).toContain("nowhere  skipped  There is no dead letter 'nowhere'");
    expect(out).toContain('2 of 2: 1 resolved, 0 failed, 0 poisoned, 1 skipped');
  });

  it('keeps to the rate', async () => {
    await shop.fail('A-1', 'A-2', 'A-3');
    const waits: number[] = [];

    await run('redrive --all --rate 4', { onWait: (ms) => waits.push(ms) });

    expect(waits).toEqual([250, 500]);
  });

  it('ends after the entry in hand on Ctrl-C', async () => {
    const ids = await shop.fail('A-1', 'A-2', 'A-3');
    const ctrlC = new AbortController();

    const { code, out } = await run('redrive --all', { signal: ctrlC.signal, onWait: () => ctrlC.abort() });

    expect(code).toBe(130);
    expect(out).toBe('1 of 3: 1 resolved, 0 failed, 0 poisoned, 0 skipped (interrupted)\n');
    expect(await Promise.all(ids.map(statusOf))).toEqual(['resolved', 'pending', 'pending']);
  });

  it('shows its progress on a terminal and leaves no trace of it', async () => {
    await shop.fail('A-1', 'A-2');

    const { err } = await run('redrive --all', { terminal: true });
    const piped = await run('redrive --all');

    expect(err).toContain('redriving [############------------] 1/2, 1 resolved');
    expect(err.endsWith('\r\u001b[2K')).toBe(true);
    expect(piped.err).toBe('');
  });
});

describe('dead-letters discard', () => {
  it('closes one with a note', async () => {
    const [id = ''] = await shop.fail('A-1');

    const { code } = await runCli(['dead-letters', 'discard', id, '--note', 'paid by hand'], { env: shop.env });

    expect(code).toBe(0);
    expect(await shop.deadLetters.get(id)).toMatchObject({ status: 'discarded', note: 'paid by hand' });
  });

  it('closes those of a filter', async () => {
    const ids = await shop.fail('A-1', 'A-2', 'A-3');

    const dry = await run('discard --text A-2 --dry-run');
    const wet = await run('discard --target Orders.charge --limit 2');

    expect(dry.out).toBe('1 would be discarded\n');
    expect(wet.out).toBe('2 of 2: 2 discarded, 0 skipped\n');
    expect(await Promise.all(ids.map(statusOf))).toEqual(['discarded', 'discarded', 'pending']);
  });
});

describe('dead-letters purge', () => {
  it('removes nothing without --yes', async () => {
    const [id = ''] = await shop.fail('A-1', 'A-2');
    await run(`discard ${id}`);

    const asked = await run('purge --queue orders');
    const dry = await run('purge --queue orders --dry-run');

    expect(asked).toMatchObject({ code: 2, err: '1 would be removed for good: add --yes to do it\n' });
    expect(dry).toMatchObject({ code: 0, out: '1 would be removed\n' });
    expect(await statusOf(id)).toBe('discarded');
  });

  it('removes with --yes', async () => {
    const [id = '', other = ''] = await shop.fail('A-1', 'A-2');
    await run(`discard ${id}`);

    const { out } = await run('purge --all --yes');

    expect(out).toBe('1 removed\n');
    expect([await statusOf(id), await statusOf(other)]).toEqual([undefined, 'pending']);
  });
});

describe('dead-letters export and import', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'nest-resilience-cli-'));
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('carry entries from one application to another through a file', async () => {
    const ids = await shop.fail('A-1', 'A-2');
    const file = join(directory, 'entries.ndjson');
    const other = await startOrders();

    const exported = await run(`export --queue orders -o ${file}`);
    const imported = await run(`import ${file} --url ${other.url}`);
    const again = await run(`import ${file} --url ${other.url} --json`);
    const entry = await other.deadLetters.get(ids[0] ?? '');
    await other.app.close();

    expect(exported).toMatchObject({ code: 0, out: '', err: `2 entries in ${file}\n` });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(imported).toMatchObject({ code: 0, out: '2 added, 0 merged, 0 known already, 0 lines refused\n' });
    expect(JSON.parse(again.out)).toEqual({ added: 0, merged: 0, known: 2, refusedLines: 0, refused: [] });
    expect(entry).toMatchObject({ status: 'pending', args: [{ id: 'A-1', at: new Date(5) }] });
  });

  it('stream to stdout and from stdin', async () => {
    await shop.fail('A-1', 'A-2');
    const { out } = await run('export');

    const back = await run('import -', { stdin: `${out}{"no": "entry"}\n` });

    expect(out.trim().split('\n')).toHaveLength(2);
    expect(back.code).toBe(1);
    expect(back.out).toContain('line 3: id: ');
    expect(back.out).toContain('0 added, 0 merged, 2 known already, 1 lines refused');
  });

  it('name each line that is refused with its reason, and import the others', async () => {
    await shop.fail('A-1');
    const [entry = ''] = (await run('export')).out.split('\n');
    const other = await startOrders();

    const stdin = ['no json', entry, '', entry.replace('"pending"', '"lost"')].join('\n');
    const imported = await run(`import - --url ${other.url}`, { stdin });
    await other.app.close();

    expect(imported.code).toBe(1);
    expect(imported.out.split('\n')).toEqual([
      expect.stringMatching(/^line 1: no JSON: /),
      'line 4: status: none of pending, redriving, resolved, poisoned, discarded',
      '1 added, 0 merged, 0 known already, 2 lines refused',
      '',
    ]);
  });

  it('say how many refused lines are not named, for the server names a thousand', async () => {
    const stdin = '{}\n'.repeat(1_003);

    const text = await run('import -', { stdin });
    const json = await run('import - --json', { stdin });

    const lines = text.out.trim().split('\n');
    expect(text.code).toBe(1);
    expect(lines).toHaveLength(1_002);
    expect(lines.slice(-3)).toEqual([
      expect.stringMatching(/^line 1000: id: no UUID/),
      'and 3 more, which the server does not name: import again when these are mended',
      '0 added, 0 merged, 0 known already, 1003 lines refused',
    ]);
    const report = JSON.parse(json.out) as { refusedLines: number; refused: unknown[] };
    expect([report.refusedLines, report.refused.length]).toEqual([1_003, 1_000]);
  });

  it('leave the file of an earlier export alone when a new one fails', async () => {
    const file = join(directory, 'entries.ndjson');
    await writeFile(file, 'precious');

    const { code } = await run(`export --from soon -o ${file}`);

    expect(code).toBe(2);
    expect(await readFile(file, 'utf8')).toBe('precious');
    expect(await readdir(directory)).toEqual(['entries.ndjson']);
  });

  it('say which file is the trouble', async () => {
    const missing = join(directory, 'missing.ndjson');

    expect(await run(`import ${missing}`)).toMatchObject({ code: 2, err: expect.stringContaining(missing) });
    expect(await run(`import ${directory}`)).toMatchObject({ code: 2, err: expect.stringContaining('is a directory') });
    expect(await run(`export -o ${join(missing, 'x')}`)).toMatchObject({
      code: 2,
      err: expect.stringContaining('ENOENT'),
    });
  });
});
