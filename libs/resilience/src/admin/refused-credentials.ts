import { createHash } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { RecentMap } from '../engine/recent-map.js';
import type { Clock, TimerHandle } from '../engine/clock.js';
import { counter } from '../engine/figure.js';
import { FigureTable } from '../nest/figures/figure-table.js';
import { RESILIENCE_CLOCK } from '../nest/tokens.js';

const MINUTE_MS = 60_000;
/** Of one address within a minute: more different tokens are guesses, more requests a client that never stops. */
const MAX_TOKENS = 50;
const MAX_REQUESTS = 1_000;
/** Addresses remembered; a sender of many must not fill the memory. */
const MAX_PEERS = 1_000;

interface Peer {
  requests: number;
  readonly tokens: Set<string>;
  readonly since: number;
}

/** Who was refused: counted, written to the log once a minute, and told to slow down. The right token is never held up. */
@Injectable()
export class RefusedCredentials {
  private readonly logger = new Logger('Resilience:Admin');
  private readonly peers = new RecentMap<Peer>(MAX_PEERS);
  private count = 0;
  private unsaid = new Map<string, number>();
  private timer: TimerHandle | undefined;

  constructor(
    @Inject(RESILIENCE_CLOCK) private readonly clock: Clock,
    @Inject(FigureTable) figures: FigureTable,
  ) {
    figures.add(
      counter('resilience.admin_refused', '{request}', 'Requests without the right operator token', () => [
        { labels: {}, value: this.count },
      ]),
    );
  }

  /** Since the process started. */
  get total(): number {
    return this.count;
  }

  /**
   * Notes a request without the right token.
   * @param given what was sent in its place; '' for nothing
   * @returns milliseconds to wait when this address has sent too many of them
   */
  note(peer: string, given: string): number | undefined {
    this.count++;
    this.say(peer);
    const known = this.peerOf(peer);
    known.requests++;
    if (given !== '' && known.tokens.size <= MAX_TOKENS) known.tokens.add(digest(given));
    const tooMany = known.tokens.size > MAX_TOKENS || known.requests > MAX_REQUESTS;
    return tooMany ? Math.max(1, known.since + MINUTE_MS - this.clock.now()) : undefined;
  }

  private peerOf(name: string): Peer {
    const now = this.clock.now();
    const known = this.peers.peek(name);
    if (known !== undefined && now - known.since < MINUTE_MS) return known;
    const peer: Peer = { requests: 0, tokens: new Set(), since: now };
    this.peers.set(name, peer);
    return peer;
  }

  /** The first at once, what follows in one line a minute. */
  private say(peer: string): void {
    if (this.unsaid.size < MAX_PEERS || this.unsaid.has(peer)) this.unsaid.set(peer, (this.unsaid.get(peer) ?? 0) + 1);
    if (this.timer !== undefined) return;
    this.flush();
    this.timer = this.clock.setTimer(() => {
      this.timer = undefined;
      this.flush();
    }, MINUTE_MS);
    this.timer.unref();
  }

  private flush(): void {
    if (this.unsaid.size === 0) return;
    const peers = [...this.unsaid].sort(([, a], [, b]) => b - a);
    this.unsaid = new Map();
    const sum = peers.reduce((total, [, times]) => total + times, 0);
    const shown = peers.slice(0, 5).map(([name, times]) => `${name} (${times})`);
    const more = peers.length > shown.length ? ` and ${peers.length - shown.length} others` : '';
    this.logger.warn(
      `${sum} ${sum === 1 ? 'request' : 'requests'} without the right token refused, from ${shown.join(', ')}${more}; ${this.count} since the start`,
    );
  }
}

/** Nobody needs to keep what may be a mistyped secret. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
