import { types } from 'node:util';
import SuperJSON from 'superjson';
import { UNSAFE_KEYS } from './snapshot.js';

/** superjson with two additions: binary data as base64 (Buffers stay Buffers), and errors with their own properties. */
export const superjson = new SuperJSON();

interface StoredBinary {
  readonly type: string;
  readonly base64: string;
}

const VIEWS: Record<string, new (buffer: ArrayBuffer) => ArrayBufferView> = {
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
  Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView,
}; // prettier-ignore

superjson.registerCustom<ArrayBuffer | ArrayBufferView, never>(
  {
    isApplicable: (value): value is ArrayBuffer | ArrayBufferView =>
      ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value),
    serialize: (value) => {
      const bytes = ArrayBuffer.isView(value)
        ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
        : Buffer.from(value);
      const type = Buffer.isBuffer(value) ? 'Buffer' : Object.prototype.toString.call(value).slice(8, -1);
      return { type, base64: bytes.toString('base64') } satisfies StoredBinary as never;
    },
    deserialize: (stored) => reviveBinary(stored),
  },
  'binary',
);

const ERRORS: Record<string, ErrorConstructor> = {
  TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError,
}; // prettier-ignore

superjson.registerCustom<Error, never>(
  {
    isApplicable: (value): value is Error => value instanceof Error,
    serialize: (error) => {
      const { name, message, stack, cause } = error;
      return { ...error, name, message, stack, ...(cause !== undefined && { cause }) } as never;
    },
    deserialize: (stored) => {
      const { name, message, stack, cause, ...own } = stored as Error;
      const ErrorType = Object.hasOwn(ERRORS, name) ? ERRORS[name]! : Error;
      const error = new ErrorType(message);
      if (error.name !== name) define(error, 'name', name);
      define(error, 'stack', stack);
      if (cause !== undefined) define(error, 'cause', cause);
      return Object.assign(error, own);
    },
  },
  'error',
);

function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true });
}

function reviveBinary({ type, base64 }: StoredBinary): ArrayBuffer | ArrayBufferView {
  const bytes = Buffer.from(base64, 'base64');
  if (type === 'Buffer') return bytes;
  // Into a buffer of its own: a view on the shared pool need not be aligned.
  const buffer = new Uint8Array(bytes).buffer;
  if (type === 'ArrayBuffer' || type === 'SharedArrayBuffer') return buffer;
  return new (Object.hasOwn(VIEWS, type) ? VIEWS[type]! : Uint8Array)(buffer);
}

/**
 * What superjson made, revived.
 * @throws Error when the stored text names a key that could reach a prototype
 */
export function reviveSuperjson(stored: { json: unknown; meta?: unknown }): unknown {
  refuseUnsafeKeys(stored.json);
  refuseUnsafeKeys(stored.meta);
  // superjson works on the object it is given, and an entry may be read more than once.
  return superjson.deserialize(JSON.parse(JSON.stringify(stored)) as never);
}

/** @throws Error when a key could reach a prototype */
export function refuseUnsafeKeys(value: unknown): void {
  const open: object[] = [];
  // Only objects wait, and nothing is made for what they hold: there may be millions.
  const look = (child: unknown) => void (typeof child === 'object' && child !== null && open.push(child));
  look(value);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (Array.isArray(next)) next.forEach(look);
    else
      for (const key of Object.keys(next)) {
        if (UNSAFE_KEYS.includes(key))
          throw new Error(`The stored arguments hold the key '${key}', which is never revived`);
        look((next as Record<string, unknown>)[key]);
      }
  }
}
