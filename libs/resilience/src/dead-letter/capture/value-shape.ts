import { types } from 'node:util';

export function bytesOf(value: ArrayBuffer | SharedArrayBuffer | ArrayBufferView): Buffer {
  return ArrayBuffer.isView(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : Buffer.from(value);
}

/** A getter that throws has no value to keep. */
export function read(from: object, key: string): unknown {
  try {
    return (from as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** Compared by shape: an object from another realm (a vm context) has another Object.prototype. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What the web's own classes hold, none of it as properties: for people who look at the entry. */
export function fieldsOf(value: object): object {
  if (value instanceof Headers || value instanceof URLSearchParams || value instanceof FormData) {
    return Object.fromEntries(value as Iterable<[string, unknown]>);
  }
  if (value instanceof Request) return { method: value.method, url: value.url, headers: value.headers };
  if (value instanceof Response) return { status: value.status, url: value.url, headers: value.headers };
  return value;
}

export function className(value: object): string {
  const { constructor } = value as { constructor?: unknown };
  return typeof constructor === 'function' && constructor.name ? constructor.name : 'object';
}

/** Sockets, streams, requests, promises: walking them would copy half of the process. */
export function isLiveThing(value: object): boolean {
  const has = (name: string) => typeof read(value, name) === 'function';
  return (
    (has('on') && has('emit')) || has('then') || has('pipe') || has('getReader') || has('subscribe') ||
    types.isProxy(value) || types.isWeakMap(value) || types.isWeakSet(value) || types.isGeneratorObject(value)
  ); // prettier-ignore
}

export function hasBehaviour(value: object): boolean {
  for (
    let proto = Object.getPrototypeOf(value) as object | null;
    proto;
    proto = Object.getPrototypeOf(proto) as object | null
  ) {
    if (Object.getPrototypeOf(proto) === null) return false;
    if (Reflect.ownKeys(proto).some((key) => key !== 'constructor')) return true;
  }
  return false;
}
