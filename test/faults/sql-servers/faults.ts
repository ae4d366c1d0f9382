import { setTimeout as pause } from 'node:timers/promises';
import { freeze, thaw } from '../../servers/freeze.js';
import type { FalseClock } from '../../servers/false-clock.js';
import type { DatabaseServer } from '../../servers/postgres.server.js';
import type { SmallDisk } from '../../servers/small-disk.js';
import type { Kind, Session } from './kinds.js';

/** How long each fault lasts. */
export const FAULT_MS = 1_000 * Number(process.env['SQL_FAULT_SECONDS'] ?? 15);
const DAY_SECONDS = 86_400;

/** What happens to a server under load. Resolves with a word about it for the figures, if there is one. */
/** @param felt resolves once somebody was refused because of it */
export type Fault = (
  server: DatabaseServer,
  kind: Kind,
  admin: () => Promise<Session>,
  felt: () => Promise<void>,
) => Promise<string | void>;

async function forAWhile(act: () => Promise<unknown>, everyMs: number): Promise<void> {
  const until = performance.now() + FAULT_MS;
  while (performance.now() < until) {
    await act();
    await pause(everyMs);
  }
}

const setting =
  (name: keyof Kind['settings']): Fault =>
  async (_server, kind, admin) => {
    const session = await admin();
    const [on, off] = kind.settings[name];
    await session.query(on);
    await kind.cut(session);
    await pause(FAULT_MS);
    await session.query(off);
    await kind.cut(session);
    await session.end();
  };

/** Takes rows in the opposite order to that in which the application takes them, and waits until the two are in each other's way. */
const deadlocks: Fault = async (_server, kind, admin) => {
  const session = await admin();
  const before = await kind.deadlocks(session);
  let own = 0;
  const lock = (order: string, rows: number) =>
    session.query(
      `select id from resilience_executions where status = 'running' order by id ${order} limit ${rows} for update`,
    );
  const oppose = async (): Promise<void> => {
    try {
      await session.query('begin');
      await lock('desc', 1);
      // Meanwhile a group of checkpoints takes the older ones and waits for this.
      await pause(50);
      await lock('asc', 1_000);
    } catch {
      own++;
    } finally {
      await session.query('rollback');
    }
  };
  await forAWhile(oppose, 50);
  // PostgreSQL's figures are up to a second old.
  await pause(1_500);
  const undone = (await kind.deadlocks(session)) - before - own;
  await session.end();
  if (undone <= 0) throw new Error('no transaction of the application was undone: nothing was tried');
  return `${undone} transactions undone by deadlocks`;
};

export interface Case {
  readonly what: string;
  readonly fault: Fault;
  /** Whether health has to say so; else nobody may be refused because of it. */
  readonly outage: boolean;
  /** Bytes of each execution and dead letter, where the fault is about room. */
  readonly padding?: number;
}

const OUTAGES: [string, Fault][] = [
  [
    'is killed and started again',
    async (server) => {
      await server.crash();
      await pause(FAULT_MS / 3);
      await server.start();
    },
  ],
  [
    'stands still',
    async (server) => {
      freeze(server.process);
      await pause(FAULT_MS);
      thaw(server.process);
    },
  ],
  [
    'ends its connections again and again',
    async (_server, kind, admin) => {
      const session = await admin();
      await forAWhile(() => kind.cut(session), 200);
      await session.end();
    },
  ],
  [
    'has no connection left',
    async (server, kind, admin) => {
      const session = await admin();
      const holding: Session[] = [];
      const hold = async (): Promise<void> => {
        await kind.cut(session);
        while (holding.length < 40) {
          const one = await kind.session(server.url).catch(() => undefined);
          if (one === undefined) return;
          holding.push(one);
        }
      };
      await forAWhile(hold, 200);
      for (const one of holding) await one.end().catch(() => undefined);
      await session.end();
    },
  ],
  ['may only be read', setting('read-only')],
  ['gives statements no time', setting('in a hurry')],
  [
    'has its tables locked',
    async (_server, kind, admin) => {
      const session = await admin();
      await session.query(kind.lock);
      await pause(FAULT_MS);
      await session.end();
    },
  ],
];

export const FAULTS: readonly Case[] = [
  ...OUTAGES.map(([what, fault]) => ({ what, fault, outage: true })),
  { what: 'gets into deadlocks with somebody else', fault: deadlocks, outage: false },
];

/** The server ends where its own log found no room: then somebody starts it again once there is some. */
export const fullDisk = (mounted: () => SmallDisk): Case => ({
  what: 'has no room left on its disk',
  outage: true,
  padding: 65_536,
  fault: async (server, _kind, _admin, felt) => {
    const disk = mounted();
    // Not to the last byte at once: first what takes much is refused, then also little.
    disk.fill(1_000_000);
    await Promise.all([pause(FAULT_MS), felt()]);
    disk.empty();
    if (server.process.exitCode === null && server.process.signalCode === null) return;
    await server.start();
    return 'it had ended, and was started again';
  },
});

/** A day ahead, right, a day behind, and right: leases are held over each change. */
export const clockThatJumps = (clock: () => FalseClock): Case => ({
  what: 'has its clock set a day ahead and a day back',
  outage: false,
  fault: async (_server, kind, admin) => {
    const session = await admin();
    for (const days of [1, 0, -1, 0]) {
      clock().setOff(days * DAY_SECONDS);
      const isOff = async () => Math.round(((await kind.time(session)) - Date.now() / 1_000) / DAY_SECONDS) === days;
      while (!(await isOff())) await pause(100);
      await pause(FAULT_MS / 4);
    }
    await session.end();
  },
});
