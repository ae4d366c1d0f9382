import { types } from 'node:util';
import { isLabelledSecret, isNamedByItsNeighbour, isValueKey } from '../../engine/redaction/secret-places.js';
import type { Redactor } from './redact.js';
import { type Snapshot, SnapshotRecord } from './snapshot-record.js';
import { bytesOf, className, fieldsOf, hasBehaviour, isLiveThing, isPlain, read } from './value-shape.js';

/** How much of each value is kept. */
export interface SnapshotLimits {
  /** Characters in all; beyond it {@link snapshotArgs} gives up with {@link TooLarge}. */
  readonly budget: number;
  readonly stringLength: number;
  readonly items: number;
  readonly depth: number;
}

/** A key that could reach a prototype when the value is revived. */
export const UNSAFE_KEYS: readonly string[] = ['__proto__', 'constructor', 'prototype'];

/**
 * @param secrets gets what is left out; what it holds already is left out wherever it is repeated
 * @throws TooLarge
 */
export function snapshotArgs(
  args: readonly unknown[],
  redactor: Redactor,
  limits: SnapshotLimits,
  secrets = new Set<string>(),
): Snapshot {
  const before = secrets.size;
  const snapshot = new SnapshotWalk(redactor, limits, secrets).run(args);
  // A password that one argument names may stand in another without its name.
  return redactor.readsValues && secrets.size > before
    ? new SnapshotWalk(redactor, limits, secrets).run(args)
    : snapshot;
}

class SnapshotWalk {
  private readonly record: SnapshotRecord;
  private readonly known: readonly string[];
  /** Originals seen, with the characters their copy took: each further mention is written out again in JSON. */
  private readonly seen = new Map<object, { copy: unknown; cost: number }>();

  constructor(
    private readonly redactor: Redactor,
    private readonly limits: SnapshotLimits,
    secrets: Set<string>,
  ) {
    this.record = new SnapshotRecord(limits.budget, secrets);
    this.known = [...secrets];
  }

  run(args: readonly unknown[]): Snapshot {
    return this.record.snapshotOf(args.map((_, index) => this.item(args, index, [])));
  }

  private item(list: readonly unknown[], index: number, place: readonly string[]): unknown {
    const here = [...place, String(index)];
    const named = this.redactor.readsValues && isNamedByItsNeighbour(list, index);
    return named ? this.record.redact(list[index], here) : this.copy(list[index], here);
  }

  private copy(value: unknown, place: readonly string[]): unknown {
    if (value !== undefined && this.redactor.isSecret(place, value)) return this.record.redact(value, place);
    switch (typeof value) {
      case 'string':
        return this.text(value, place);
      case 'function':
        return this.record.lose(`[function ${this.clean(value.name) || 'anonymous'}]`, place, 'a function');
      case 'symbol':
        return this.record.lose(`[${this.clean(String(value))}]`, place, 'a symbol');
      case 'object':
        return value === null ? null : this.object(value, place);
      default:
        this.record.spend(8);
        return value;
    }
  }

  private object(value: object, place: readonly string[]): unknown {
    const seen = this.seen.get(value);
    if (seen) {
      this.record.spend(seen.cost);
      return seen.copy;
    }
    // An argument of another time: the caller's signal says nothing to a redrive.
    if (value instanceof AbortSignal) return undefined;
    if (place.length > this.limits.depth)
      return this.record.lose('[too deep]', place, `nested more than ${this.limits.depth} levels`);
    const before = this.record.spent;
    if (types.isBoxedPrimitive(value)) return this.copy(value.valueOf(), place);
    const copy = this.leaf(value, place) ?? this.container(value, place);
    const entry = this.seen.get(value);
    if (entry) entry.cost = this.record.spent - before;
    return copy;
  }

  /** Values without children that superjson (or our additions to it) keeps. */
  private leaf(value: object, place: readonly string[]): object | string | undefined {
    if (types.isDate(value)) {
      if (Number.isNaN(value.getTime())) return this.record.lose('[invalid date]', place, 'an invalid date');
      this.record.spend(24);
      return new Date(value.getTime());
    }
    if (types.isRegExp(value)) {
      this.record.spend(value.source.length);
      if (this.holdsSecret(value.source)) return this.record.redact(value.source, place);
      return new RegExp(value.source, value.flags);
    }
    if (value instanceof URL) {
      this.record.spend(value.href.length);
      const clean = this.clean(value.href);
      if (clean !== value.href) {
        this.record.redactPart(place);
        return clean;
      }
      return new URL(value.href);
    }
    if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
      const { byteLength } = value;
      if (byteLength > this.limits.stringLength) {
        return this.record.lose(
          `[${className(value)} of ${byteLength} bytes]`,
          place,
          `too large (${byteLength} bytes)`,
        );
      }
      this.record.spend(Math.ceil((byteLength * 4) / 3));
      return this.holdsSecret(bytesOf(value).toString()) ? this.record.redact(value, place) : value;
    }
    return undefined;
  }

  private container(value: object, place: readonly string[]): unknown {
    if (Array.isArray(value)) return this.items(value as unknown[], this.remember(value, []), place);
    if (types.isMap(value)) return this.map(value, this.remember(value, new Map()), place);
    if (types.isSet(value)) {
      const copy = this.remember(value, new Set<unknown>());
      for (const item of this.items([...value], [], place)) copy.add(item);
      return copy;
    }
    if (types.isNativeError(value) || value instanceof Error) return this.error(value, place);
    if (isPlain(value)) return this.properties(value, this.remember(value, {}), place);
    return this.instance(value, place);
  }

  private items(from: readonly unknown[], to: unknown[], place: readonly string[]): unknown[] {
    const kept = Math.min(from.length, this.limits.items);
    for (let index = 0; index < kept; index++) to.push(this.item(from, index, place));
    if (kept < from.length)
      to.push(this.record.lose(`[${from.length - kept} more items]`, place, `cut after ${kept} items`));
    return to;
  }

  private map(from: Map<unknown, unknown>, to: Map<unknown, unknown>, place: readonly string[]): Map<unknown, unknown> {
    let index = 0;
    for (const [key, item] of from) {
      if (index === this.limits.items) {
        to.set(this.record.lose(`[${from.size - index} more entries]`, place, `cut after ${index} entries`), null);
        break;
      }
      const name = typeof key === 'string' ? this.clean(key) : String(index);
      to.set(
        typeof key === 'object' ? this.copy(key, [...place, String(index)]) : this.key(key, place),
        this.copy(item, [...place, name]),
      );
      index++;
    }
    return to;
  }

  /** A primitive Map key: its own name must not make it a secret, only its value. */
  private key(key: unknown, place: readonly string[]): unknown {
    return typeof key === 'string' ? this.text(key, place) : this.copy(key, place.slice(0, 1));
  }

  private properties(from: object, to: Record<string, unknown>, place: readonly string[], skip?: readonly string[]) {
    let index = 0;
    const labelled = this.redactor.readsValues && isLabelledSecret(from);
    for (const key of Object.keys(from)) {
      if (skip?.includes(key)) continue;
      if (UNSAFE_KEYS.includes(key)) {
        this.record.lose(
          '',
          place,
          `has the key '${key}', which is not kept because reviving it could change a prototype`,
        );
        continue;
      }
      if (index++ === this.limits.items) {
        this.record.lose('', place, `cut after ${this.limits.items} properties`);
        break;
      }
      this.record.spend(key.length + 4);
      const name = this.clean(key);
      if (name !== key) this.record.redactPart([...place, name]);
      const here = [...place, name];
      const original = read(from, key);
      const hidden = labelled && isValueKey(key) && original !== undefined;
      const value = hidden ? this.record.redact(original, here) : this.copy(original, here);
      // A signal is of another time; JSON without it is shorter.
      if (value !== undefined || original === undefined) to[name] = value;
    }
    return to;
  }

  private error(value: Error, place: readonly string[]): Error {
    const clean = (text: string) => this.redactor.text(text, this.known, this.record.found);
    const message = clean(value.message);
    if (message !== value.message) this.record.redactPart([...place, 'message']);
    const copy = this.remember(value, new Error(this.text(message, [...place, 'message'])));
    copy.name = clean(value.name);
    if (typeof value.stack === 'string') copy.stack = clean(value.stack.slice(0, 16_000)).slice(0, 4_000);
    this.record.spend(copy.stack?.length ?? 0);
    if (value.cause !== undefined) copy.cause = this.copy(value.cause, [...place, 'cause']);
    this.properties(value, copy as unknown as Record<string, unknown>, place, ['name', 'message', 'stack', 'cause']);
    return copy;
  }

  /** A DTO is nothing but its data and may be replayed as a plain object; anything with behaviour may not. */
  private instance(value: object, place: readonly string[]): unknown {
    const name = className(value);
    if (isLiveThing(value)) return this.record.lose(`[${name}]`, place, `a ${name}, which lives only in its process`);
    const copy = this.properties(fieldsOf(value), this.remember(value, {}), place);
    if (hasBehaviour(value)) this.record.lose('', place, `an instance of ${name}, whose methods cannot be stored`);
    return copy;
  }

  private text(original: string, place: readonly string[]): string {
    const { stringLength } = this.limits;
    this.record.expect(Math.min(original.length, stringLength));
    // Cleaned before it is cut: half a secret would not be recognised.
    const looked = original.slice(0, 4 * stringLength);
    const value = this.clean(looked);
    if (value !== looked) this.record.redactPart(place);
    if (original.length <= stringLength) {
      this.record.spend(value.length + 2);
      return value;
    }
    this.record.spend(stringLength);
    this.record.lose('', place, `cut after ${stringLength} characters`);
    return `${value.slice(0, stringLength)}... [${original.length - stringLength} more characters]`;
  }

  private clean(text: string): string {
    return this.redactor.readsValues ? this.redactor.argument(text, this.known, this.record.found) : text;
  }

  private holdsSecret(text: string): boolean {
    return this.clean(text) !== text;
  }

  private remember<T extends object>(value: object, copy: T): T {
    this.seen.set(value, { copy, cost: 8 });
    return copy;
  }
}
