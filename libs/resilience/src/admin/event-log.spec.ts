import { describe, expect, it } from '@jest/globals';
import { EventHub } from '../nest/event-hub.js';
import { FakeClock } from '../testing/index.js';
import { DEFAULT_EVENT_LOG_OPTIONS, EventLog, type LoggedEvent } from './event-log.js';
import { DEFAULT_EVENT_STREAM_OPTIONS, eventStream } from './event-stream.js';
import { DEFAULT_EVENT_QUERY } from './event.openapi.js';
import { readEventQuery } from './event.query.js';

const ALL = 1_000_000;

function start(by: 'nobody' | 'token' = 'token') {
  const hub = new EventHub();
  const clock = new FakeClock();
  const log = new EventLog(hub, clock, by === 'token' ? { by, token: 'x' } : { by });
  return { hub, clock, log };
}

describe('EventLog', () => {
  it('pins its defaults', () => {
    expect(DEFAULT_EVENT_LOG_OPTIONS).toEqual({ eventsPerName: 100, maxNames: 1000 });
    expect(DEFAULT_EVENT_STREAM_OPTIONS).toEqual({
      heartbeatMs: 15_000,
      maxBufferedBytes: 1_048_576,
      maxFollowers: 200,
    });
    expect(DEFAULT_EVENT_QUERY).toEqual({ limit: 100, follow: false });
  });

  it('keeps the last 100 events of every name, in the order in which they came', () => {
    const { hub, log } = start();

    for (let delayMs = 1; delayMs <= 150; delayMs++) {
      hub.emit('resilience.retry.scheduled', { policy: 'Orders.charge', delayMs });
    }
    hub.emit('resilience.circuit.opened', { circuit: 'Llm.ask' });

    const events = log.recent({}, ALL);
    expect(events).toHaveLength(101);
    expect(events[0]).toEqual({
      id: 51,
      at: new FakeClock().epochNow(),
      type: 'resilience.retry.scheduled',
      name: 'Orders.charge',
      details: { policy: 'Orders.charge', delayMs: 51 },
    });
    expect(events.at(-1)).toMatchObject({ id: 151, name: 'Llm.ask' });
    expect(log.recent({}, 2).map(({ id }) => id)).toEqual([150, 151]);
  });

  it('forgets the name that was quiet for longest beyond 1,000 names', () => {
    const { hub, log } = start();

    for (let n = 0; n < 1000; n++) hub.emit('resilience.circuit.opened', { circuit: `c${n}` });
    hub.emit('resilience.circuit.closed', { circuit: 'c0' });
    hub.emit('resilience.circuit.opened', { circuit: 'new' });

    expect(log.recent({ name: 'c1' }, ALL)).toEqual([]);
    expect(log.recent({ name: 'c0' }, ALL)).toHaveLength(2);
    expect(log.recent({}, ALL)).toHaveLength(1001);
  });

  it('knows whom an event is about, and finds all keys of a circuit by its name', () => {
    const { hub, log } = start();

    hub.emit('resilience.circuit.opened', { circuit: 'Llm.ask[tenant-7]' });
    hub.emit('resilience.dead-letter.stored', { id: '1', target: 'Orders.charge' });
    hub.emit('resilience.health.changed', { status: 'up' });

    expect(log.recent({}, ALL).map(({ name }) => name)).toEqual(['Llm.ask[tenant-7]', 'Orders.charge', 'health']);
    expect(log.recent({ name: 'Llm.ask' }, ALL)).toHaveLength(1);
    expect(log.recent({ name: 'Llm' }, ALL)).toEqual([]);
  });

  it('finds types by their whole name or a beginning up to a dot', () => {
    const { hub, log } = start();
    for (const type of ['resilience.circuit.opened', 'resilience.circuit.closed', 'resilience.retry.exhausted']) {
      hub.emit(type, { policy: 'a' });
    }
    const found = (types: string[]) => log.recent({ types }, ALL).map(({ id }) => id);

    expect(found(['resilience.circuit'])).toEqual([1, 2]);
    expect(found(['resilience.circuit.closed', 'resilience.retry'])).toEqual([2, 3]);
    expect(found(['resilience.circ'])).toEqual([]);
  });

  it('keeps nothing, and has nothing built, while nobody may read it', () => {
    const { hub } = start('nobody');

    expect(hub.listens('resilience.retry.scheduled')).toBe(false);
    expect(start('token').hub.listens('resilience.retry.scheduled')).toBe(true);
  });
});

describe('eventStream', () => {
  const follow = (afterId = 0, started = start()) => {
    const { log, clock, hub } = started;
    const stream = eventStream({ log, clock, filter: { types: ['resilience.circuit'] }, limit: 100, afterId });
    // Node 26 hands out one chunk a read, earlier ones all that is there.
    const read = () => {
      let text = '';
      for (let chunk; (chunk = stream.read() as Buffer | null) !== null;) text += chunk.toString();
      return text;
    };
    const ids = () => [...read().matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    return { hub, clock, log, stream, read, ids };
  };
  const opened = (hub: EventHub, circuit = 'a') => hub.emit('resilience.circuit.opened', { circuit });

  it('begins with what is kept, then sends what comes, one frame each', () => {
    const started = start();
    opened(started.hub);
    opened(started.hub);
    const { hub, read } = follow(1, started);

    const [comment, kept] = read().split('\n\n');
    hub.emit('resilience.retry.exhausted', { policy: 'a' });
    opened(hub, 'line\nbreak');
    const [id, event, data, ...rest] = read().split('\n');

    expect(comment).toBe(':');
    expect(kept).toMatch(/^id: 2\n/);
    expect([id, event]).toEqual(['id: 4', 'event: resilience.circuit.opened']);
    expect((JSON.parse(data?.replace('data: ', '') ?? '') as LoggedEvent).details).toEqual({ circuit: 'line\nbreak' });
    expect(rest).toEqual(['', '']);
  });

  it('begins anew for a client from before a restart', () => {
    const started = start();
    opened(started.hub);

    expect(follow(900, started).ids()).toEqual([1]);
  });

  it('sends a heartbeat every 15 s, until the client goes away', async () => {
    const { clock, read, stream, hub, log } = follow();
    read();

    await clock.advance('30s');
    expect(read()).toBe(':\n\n:\n\n');
    stream.destroy();
    opened(hub);

    expect(clock.pending).toBe(0);
    expect(log.recent({}, ALL)).toHaveLength(1);
  });

  it('ends when the application does, without a timer left', async () => {
    const { log, clock, stream } = follow();
    const ended = new Promise((resolve) => stream.once('end', resolve));
    stream.resume();

    log.onModuleDestroy();
    await ended;

    expect(clock.pending).toBe(0);
  });

  it('is ended when its client does not read, after 1 MiB', () => {
    const { hub, clock, stream } = follow();

    for (let n = 0; n < 5000; n++) hub.emit('resilience.circuit.opened', { circuit: 'a', text: 'x'.repeat(400) });

    expect(stream.readableLength).toBeGreaterThan(DEFAULT_EVENT_STREAM_OPTIONS.maxBufferedBytes);
    expect(stream.readableLength).toBeLessThan(DEFAULT_EVENT_STREAM_OPTIONS.maxBufferedBytes + 2000);
    expect(clock.pending).toBe(0);
  });
});

describe('readEventQuery', () => {
  it('reads texts', () => {
    expect(readEventQuery({ name: 'a', type: 'x, y', limit: '5', follow: 'true' })).toEqual({
      filter: { name: 'a', types: ['x', 'y'] },
      limit: 5,
      follow: true,
    });
    expect(readEventQuery({})).toEqual({ filter: { name: undefined, types: undefined }, limit: 100, follow: false });
  });

  it.each([
    [{ limit: '0' }, /limit: got 0, expected/],
    [{ limit: 'all' }, /limit: got 'all', expected/],
    [{ limit: '1001' }, /limit: got 1001, expected/],
    [{ follow: 'yes' }, /follow: got 'yes', expected/],
    [{ name: ['a', 'b'] }, /name: got an array of 2, expected/],
    [{ typ: 'x' }, /did you mean 'type'/],
  ])('refuses %p', (query, problem) => {
    expect(() => readEventQuery(query)).toThrow(problem);
  });
});
