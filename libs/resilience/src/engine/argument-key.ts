import { createHash } from 'node:crypto';
import { types } from 'node:util';

import { atOnce } from './at-once.js';
import type { PolicyBuild } from './policy-descriptor.js';

/** Longer keys are hashed: what is kept for a thousand calls must not keep a thousand request bodies. */
const MAX_KEY_LENGTH = 256;
/** Deeper values have no key, which also ends a cycle. */
const MAX_DEPTH = 32;

/** Names a call by its arguments; `undefined`: this call has no name. */
export type KeyFunction = (...args: readonly unknown[]) => string | undefined;

/** The keys of one policy's calls: the user's own, or those of {@link argumentKey}. */
export class CallKeys {
  private warned = false;

  constructor(
    private readonly own: KeyFunction | undefined,
    /** Of the parameter that takes the attempt, which names nothing; -1 for none. */
    private readonly attemptIndex: number,
    /** Told once, with the first argument (counted from 1) that has no key. */
    private readonly onUnkeyable: (argument: number) => void,
    /** Names the user's own function. */
    private readonly option = 'key',
  ) {}

  /** Throws what the user's function threw. */
  of(args: readonly unknown[]): string | undefined {
    if (this.own !== undefined) return atOnce(this.own(...args), this.option);
    const key = argumentKey(args, this.attemptIndex);
    if (key === undefined && !this.warned) {
      this.warned = true;
      this.onUnkeyable(args.findIndex((_arg, index) => keyOfArgument(args, index, this.attemptIndex) === NONE) + 1);
    }
    return key;
  }
}

/**
 * A key that is equal for equal arguments: JSON-like values whatever the order of their keys, dates, bigints, undefined.
 * Trailing `undefined`, an `AbortSignal` and the `signal` of the last argument count as not given.
 * @returns undefined where an argument has no key: functions, symbols, instances of classes
 */
export function argumentKey(args: readonly unknown[], attemptIndex = -1): string | undefined {
  let key = '';
  let separators = 0;
  for (let index = 0; index < args.length; index++) {
    const text = keyOfArgument(args, index, attemptIndex);
    if (text === NONE) return undefined;
    if (text === ABSENT) continue;
    for (; separators < index; separators++) key += ',';
    key += text;
  }
  return key.length <= MAX_KEY_LENGTH ? key : createHash('sha256').update(key).digest('base64');
}

const ABSENT = '';
const NONE = undefined;

/** The keys of one method's calls; of a call that has none somebody hears. @param what happens to it, e.g. `not cached` */
export function callKeys(
  { name, attemptIndex, warn }: Pick<PolicyBuild<unknown, unknown>, 'name' | 'attemptIndex' | 'warn'>,
  decorator: string,
  what: string,
  key: KeyFunction | undefined,
): CallKeys {
  const onUnkeyable = (argument: number): void =>
    warn?.(
      `${name} > ${decorator}: a call was ${what}, because its argument ${argument} has no key: functions, symbols and ` +
        `instances of classes have none. Give ${decorator} { key: (...args) => string }`,
    );
  return new CallKeys(key, attemptIndex, onUnkeyable, `${decorator} > key`);
}

function keyOfArgument(args: readonly unknown[], index: number, attemptIndex: number): string | undefined {
  const arg = args[index];
  if (index === attemptIndex || arg === undefined || arg instanceof AbortSignal) return ABSENT;
  if (index !== args.length - 1 || !hasSignal(arg) || !isPlain(arg)) return keyOfValue(arg, 0);
  const { signal: _signal, ...rest } = arg;
  return Object.keys(rest).length === 0 ? ABSENT : keyOfRecord(rest, 0);
}

function keyOfValue(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'bigint':
      return `${value}n`;
    case 'object':
      if (value === null) return 'null';
      if (types.isDate(value)) return `@${value.getTime()}`;
      if (depth === MAX_DEPTH) return NONE;
      if (Array.isArray(value)) return keyOfList(value, depth + 1);
      return isPlain(value) ? keyOfRecord(value, depth + 1) : NONE;
    default:
      return NONE;
  }
}

function keyOfList(list: readonly unknown[], depth: number): string | undefined {
  let key = '[';
  for (const item of list) {
    const text = keyOfValue(item, depth);
    if (text === NONE) return NONE;
    key += `${text},`;
  }
  return `${key}]`;
}

function keyOfRecord(record: Readonly<Record<string, unknown>>, depth: number): string | undefined {
  if (Object.getOwnPropertySymbols(record).length > 0) return NONE;
  let key = '{';
  for (const name of Object.keys(record).sort()) {
    const text = keyOfValue(record[name], depth);
    if (text === NONE) return NONE;
    key += `${JSON.stringify(name)}:${text},`;
  }
  return `${key}}`;
}

/** Of any realm: its prototype is the end of the chain. */
function isPlain(value: object): value is Readonly<Record<string, unknown>> {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function hasSignal(value: unknown): value is { readonly signal: AbortSignal } {
  return typeof value === 'object' && value !== null && 'signal' in value && value.signal instanceof AbortSignal;
}
