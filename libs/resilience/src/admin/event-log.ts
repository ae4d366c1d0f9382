import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Observable, Subject } from 'rxjs';
import { circuitFamily } from '../circuit-breaker/circuit-family.js';
import type { Clock } from '../engine/clock.js';
import type { EventSink } from '../engine/events.js';
import { RecentMap } from '../engine/recent-map.js';
import { fittingOnPage } from '../engine/pages.js';
import type { EventHub } from '../nest/event-hub.js';
import { RESILIENCE_CLOCK, RESILIENCE_EVENTS } from '../nest/tokens.js';
import { type AdminAccess, RESILIENCE_ADMIN } from './admin.options.js';
import { type EventDetails, plainDetails } from './event-details.js';

/** One event as the admin routes show it. */
export interface LoggedEvent {
  /** Counted from 1 in this process. */
  readonly id: number;
  /** Epoch milliseconds. */
  readonly at: number;
  /** e.g. `resilience.circuit.opened`. */
  readonly type: string;
  /** Policy, circuit, dead-lettered method or provider it is about. */
  readonly name: string;
  /** The payload as JSON; errors as name, message and code. */
  readonly details: EventDetails;
}

export interface EventFilter {
  /** Of a keyed circuit, `name` finds all of its keys. */
  readonly name?: string | undefined;
  /** Whole types, or their beginnings up to a dot: `resilience.circuit`. Any of them. */
  readonly types?: readonly string[] | undefined;
}

export const DEFAULT_EVENT_LOG_OPTIONS = {
  /** Events kept per name. */
  eventsPerName: 100,
  /** Beyond this the name that was quiet for longest is forgotten. */
  maxNames: 1000,
} as const;

/** The last events per policy and circuit. While it is there, somebody listens to every event. */
@Injectable()
export class EventLog implements EventSink, OnModuleDestroy {
  /** Quietest name first. */
  private readonly rings = new RecentMap<LoggedEvent[]>(DEFAULT_EVENT_LOG_OPTIONS.maxNames);
  private readonly live = new Subject<LoggedEvent>();
  private lastId = 0;
  private openStreams = 0;

  constructor(
    @Inject(RESILIENCE_EVENTS) hub: EventHub,
    @Inject(RESILIENCE_CLOCK) private readonly clock: Clock,
    @Inject(RESILIENCE_ADMIN) access: AdminAccess,
  ) {
    // What nobody may read is not kept.
    if (access.by !== 'nobody') hub.add(this);
  }

  listens(_type: string): boolean {
    return true;
  }

  emit(type: string, payload: object): void {
    const event: LoggedEvent = {
      id: ++this.lastId,
      at: this.clock.epochNow(),
      type,
      name: subjectOf(type, payload),
      details: plainDetails(payload),
    };
    this.keep(event);
    this.live.next(event);
  }

  /** Streams that are open. */
  get followers(): number {
    return this.openStreams;
  }

  /** The newest, oldest first; fewer than the limit where they are large. */
  recent(filter: EventFilter, limit: number): LoggedEvent[] {
    const found: LoggedEvent[] = [];
    for (const ring of this.rings.all()) found.push(...ring.filter((event) => matches(event, filter)));
    const newest = found.sort((a, b) => b.id - a.id).slice(0, limit);
    const sizes = newest.map((event) => JSON.stringify(event).length);
    return newest.slice(0, fittingOnPage(sizes)).reverse();
  }

  /** What comes from now on; ends when the application shuts down. */
  following(filter: EventFilter): Observable<LoggedEvent> {
    return new Observable((subscriber) => {
      this.openStreams++;
      subscriber.add(() => this.openStreams--);
      return this.live.subscribe({
        next: (event) => matches(event, filter) && subscriber.next(event),
        complete: () => subscriber.complete(),
      });
    });
  }

  /** Open streams would keep the HTTP server from closing. */
  onModuleDestroy(): void {
    this.live.complete();
  }

  private keep(event: LoggedEvent): void {
    const ring = this.rings.use(event.name);
    if (ring === undefined) return this.rings.set(event.name, [event]);
    ring.push(event);
    if (ring.length > DEFAULT_EVENT_LOG_OPTIONS.eventsPerName) ring.shift();
  }
}

function matches(event: LoggedEvent, { name, types }: EventFilter): boolean {
  if (name !== undefined && event.name !== name && circuitFamily(event.name) !== name) return false;
  return types?.some((type) => event.type === type || event.type.startsWith(`${type}.`)) ?? true;
}

/** Where each family of events says whom it is about. */
const SUBJECTS = ['policy', 'circuit', 'target', 'provider'] as const;

/** Events about nobody in particular go by what they are about: `health` for `resilience.health.changed`. */
function subjectOf(type: string, payload: object): string {
  const fields = payload as Readonly<Record<string, unknown>>;
  for (const field of SUBJECTS) if (typeof fields[field] === 'string') return fields[field];
  return type.split('.')[1] ?? type;
}
