import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type OrdersApplication, startOrders, TOKEN } from './orders.application.js';
import { runCli } from './run-cli.js';

const run = (line: string, env: Record<string, string> = {}) => runCli(line === '' ? [] : line.split(' '), { env });

describe('A command line that cannot be', () => {
  it.each([
    ['', 'Usage: nest-resilience dead-letters <command>'],
    ['dead-letters', 'Usage: nest-resilience dead-letters <command>'],
    ['dead-leters list', "did you mean 'nest-resilience dead-letters'?"],
    ['redrive', "did you mean 'nest-resilience dead-letters redrive'?"],
    ['dead-letters lst', "did you mean 'nest-resilience dead-letters list'?"],
    ['dead-letters frobnicate', 'see nest-resilience --help'],
    ['dead-letters --json list', 'Options follow the command'],
    ['dead-letters list --quue x', "'list' has no option '--quue': did you mean '--queue'?"],
    ['dead-letters list --rate 5', "'list' has no option '--rate'"],
    ['dead-letters list --queue', '--queue needs a value: <name>'],
    ['dead-letters list --queue --json', '--queue needs a value: <name>'],
    ['dead-letters list --limit many', "--limit needs a number above 0, got 'many'"],
    ['dead-letters list --json=yes', '--json takes no value'],
    ['dead-letters list orders', "'list' takes no words besides options, got 'orders'"],
    ['dead-letters show', "'show' needs <id>"],
    ['dead-letters show a b', "'show' takes one <id>, got 'a' 'b'"],
    ['dead-letters show ', "'show' got an empty <id>"],
    ['dead-letters redrive', "'redrive' needs ids, a filter such as --queue orders, or --all"],
    ['dead-letters purge', "'purge' needs ids, a filter such as --queue orders, or --all"],
    ['dead-letters discard x --queue orders', "'discard' takes either ids or a filter"],
    ['dead-letters list --url localhost:3000', "--url is no http:// or https:// address: 'localhost:3000'"],
  ])("'%s' ends with 2 and a word that helps", async (line, message) => {
    const { code, out, err } = await run(line);

    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(message);
  });

  it('is told all of its problems at once', async () => {
    const { err } = await run('dead-letters list --quue x --limit 0 --queue');

    expect(err.trim().split('\n')).toHaveLength(3);
  });
});

describe('Help', () => {
  it('is asked for and goes to stdout', async () => {
    for (const line of ['--help', 'help', 'dead-letters -h']) {
      expect(await run(line)).toMatchObject({ code: 0, err: '', out: expect.stringContaining('redrive [id...]') });
    }
  });

  it('of a command has its options', async () => {
    const { code, out } = await run('dead-letters show --help');

    expect(code).toBe(0);
    expect(out).toContain('dead-letters show <id> [options]');
    expect(out).not.toContain('--queue');
  });

  it('has the version', async () => {
    expect((await run('--version')).out).toMatch(/^\d+\.\d+\.\d+/);
  });
});

describe('An application that refuses', () => {
  let shop: OrdersApplication;

  beforeAll(async () => {
    shop = await startOrders();
  });

  afterAll(() => shop.app.close());

  it('wants a token', async () => {
    const { code, err } = await run('dead-letters list', { NEST_RESILIENCE_URL: shop.url });

    expect(code).toBe(4);
    expect(err).toMatch(/^The server wants a token \(401 RESILIENCE_ADMIN_UNAUTHORIZED\)/);
  });

  it.each(['list', 'redrive --all', 'purge --all --yes', 'export', 'import -'])(
    'does not accept a wrong token for %s, and nobody sees it',
    async (command) => {
      const { code, out, err } = await run(`dead-letters ${command} --url ${shop.url} --token hunter2-hunter2`);

      expect(code).toBe(4);
      expect(err).toContain('does not accept this token');
      expect(out + err).not.toContain('hunter2');
    },
  );

  it('is closed', async () => {
    const closed = await startOrders({});

    const { code, err } = await run('dead-letters list', { NEST_RESILIENCE_URL: closed.url });
    await closed.app.close();

    expect(code).toBe(4);
    expect(err).toContain('AdminModule.forRoot({ token })');
    expect(err).toContain('(403 RESILIENCE_ADMIN_CLOSED)');
  });

  it('names every value that it cannot take by its option', async () => {
    const { code, err } = await run('dead-letters list --from soon --status done --limit 5000', shop.env);

    expect(code).toBe(2);
    expect(err).toContain("--from: got 'soon'");
    expect(err).toContain("--status: got 'done'");
    expect(err).toContain('--limit: got 5000');
  });

  it('knows no such entry', async () => {
    for (const id of ['nowhere', '..', 'a/b', 'counts']) {
      expect(await run(`dead-letters show ${id}`, shop.env)).toMatchObject({
        ...{ code: 5, out: '' },
        err: expect.stringContaining(`There is no dead letter '${id}'`),
      });
    }
  });

  it('lies behind another prefix', async () => {
    const { code, err } = await run(`dead-letters list --url ${shop.url}/api/`, shop.env);

    expect(code).toBe(5);
    expect(err).toContain('Cannot GET /api/dead-letters');
    expect(err).toContain('is its global prefix part of --url?');
  });
});

describe('A token', () => {
  it.each([
    `dead-letters list --tokn ${TOKEN}`,
    `dead-letters list --tokn=${TOKEN}`,
    `--token=${TOKEN} dead-letters list`,
    `dead-letters --token=${TOKEN} list`,
    `dead-letters list --url http://admin:${TOKEN}@127.0.0.1:1`,
    `dead-letters list --url ftp://admin:${TOKEN}@127.0.0.1:1`,
    `dead-letters list --token ${TOKEN}\n${TOKEN}`,
    `dead-letters list --url http://127.0.0.1:1 --token ${TOKEN}`,
  ])('is never shown: %#', async (line) => {
    const { code, out, err } = await run(line);

    expect([2, 3]).toContain(code);
    expect(out + err).not.toContain(TOKEN);
  });
});

describe('A server that is not what it should be', () => {
  let server: Server | undefined;

  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  async function serve(listener: RequestListener): Promise<string> {
    const started = createServer(listener);
    server = started;
    await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(started.address() as AddressInfo).port}`;
  }

  it('is not there', async () => {
    const url = await serve(() => undefined);
    await new Promise((resolve) => server?.close(resolve));

    expect(await run(`dead-letters list --url ${url}`)).toMatchObject({
      code: 3,
      err: `${url} cannot be reached: nothing listens there (ECONNREFUSED)\n`,
    });
  });

  it('is another application', async () => {
    const url = await serve((_, response) => response.setHeader('content-type', 'text/html').end('<h1>hello</h1>'));

    const { code, err } = await run(`dead-letters list --url ${url}`);

    expect(code).toBe(5);
    expect(err).toContain('with text/html that is no JSON: is this the address of the application');
  });

  it('redirects, and does not get the token sent elsewhere', async () => {
    const url = await serve((_, response) => response.writeHead(302, { location: 'https://login.example/' }).end());

    const { code, err } = await run(`dead-letters list --url ${url}`);

    expect(code).toBe(5);
    expect(err).toContain('it redirects to https://login.example/');
  });

  it('repeats the token in its answer, which is blanked', async () => {
    const url = await serve((request, response) =>
      response.writeHead(500).end(JSON.stringify({ detail: `bad ${request.headers.authorization}` })),
    );

    const { code, err } = await run(`dead-letters list --url ${url} --token ${TOKEN}`);

    expect(code).toBe(5);
    expect(err).toBe('bad Bearer [token] (500)\n');
  });

  it('hangs up in the middle of an export', async () => {
    const url = await serve((_, response) => {
      response.write('{"id":"1"}\n');
      setImmediate(() => response.destroy());
    });

    const { code, err } = await run(`dead-letters export --url ${url}`);

    expect(code).toBe(3);
    expect(err).toContain('the connection broke before the answer was complete');
  });

  it('hangs up in the middle of a batch, whose summary is shown all the same', async () => {
    const url = await serve((request, response) => {
      if (request.url?.includes('/2/')) return response.destroy();
      const id = /\/(\d)\/redrive/.exec(request.url ?? '')?.[1];
      return response.end(JSON.stringify({ id, outcome: 'resolved', status: 'resolved', redrives: 1 }));
    });

    const { code, out } = await run(`dead-letters redrive 1 2 3 --url ${url}`);

    expect(code).toBe(3);
    expect(out).toBe('1 of 3: 1 resolved, 0 failed, 0 poisoned, 0 skipped\n');
  });

  it('takes so long that somebody presses Ctrl-C', async () => {
    const ctrlC = new AbortController();
    const url = await serve(() => ctrlC.abort());

    const ran = await runCli(['dead-letters', 'list', '--url', url], { signal: ctrlC.signal });

    expect(ran).toEqual({ code: 130, out: '', err: '' });
  });
});
