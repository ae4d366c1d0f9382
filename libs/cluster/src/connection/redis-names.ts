import type { option } from '@nest-resilience/core';

/** How keys and channels of one application are named. What stands in braces is all that a Redis Cluster looks at. */
export class RedisNames {
  constructor(private readonly prefix: string) {}

  /** Of all keys of one part: they are in one slot, so that a script may touch several. */
  keys(part: string): string {
    return this.hasTag ? `${this.prefix}:${part}` : `{${this.prefix}:${part}}`;
  }

  /** The prefix of BullMQ. */
  get queues(): string {
    return this.hasTag ? this.prefix : `{${this.prefix}}`;
  }

  channel(part: string): string {
    return `${this.prefix}:${part}`;
  }

  /** What a user of Redis must be allowed: for messages. */
  get rules(): string {
    const keys = this.hasTag ? [`${this.prefix}:*`] : [`{${this.prefix}}:*`, `{${this.prefix}:*}:*`];
    return [...keys.map((key) => `~${key}`), `&${this.channel('*')}`].join(' ');
  }

  private get hasTag(): boolean {
    return this.prefix.includes('{');
  }
}

export function readPrefix(value: unknown, at: option.Place): string | undefined {
  const allowed = "a text without spaces, '*', '?', '[' and ']', with one pair of braces around something, or none";
  return typeof value === 'string' &&
    /^[^\s{}*?[\]\\]*(\{[^\s{}*?[\]\\]+\})?[^\s{}*?[\]\\]*$/.test(value) &&
    value !== ''
    ? value
    : at.refuse(value, allowed);
}
