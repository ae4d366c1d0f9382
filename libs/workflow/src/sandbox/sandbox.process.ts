/** The program of the other process: evaluates and validates, one task at a time, and knows nothing else. */
import { compileJsonata } from '../expression/jsonata.js';
import { compileInputSchema } from '../graph/input-schema.js';
import { isWithin } from '../expression/cost.js';
import { pack, unpack } from './parcel.js';
import type { SandboxMessage, SandboxReply, SandboxTask } from './sandbox.tasks.js';

/** Compiled sources that are kept; workflows have fewer. */
const MAX_KEPT = 2_000;

const kept = new Map<string, unknown>();

/** What is to be done with the data, compiled. */
function prepare(task: SandboxTask): () => unknown {
  if (task.type === 'evaluate') {
    const compiled = keep(task.source, compileJsonata);
    return () => compiled.evaluate(unpack(task.scope) as Record<string, unknown>);
  }
  const validate = keep(task.schema, (text) => compileInputSchema(JSON.parse(text) as Record<string, unknown>));
  return () => validate(unpack(task.value));
}

function keep<T>(source: string, compile: (source: string) => T): T {
  if (kept.size >= MAX_KEPT) kept.clear();
  if (!kept.has(source)) kept.set(source, compile(source));
  return kept.get(source) as T;
}

function say(message: SandboxMessage): void {
  process.send?.(message);
}

async function answer(task: SandboxTask): Promise<SandboxReply> {
  try {
    const run = prepare(task);
    say('compiled');
    const result = pack(await run());
    return result ? { ok: true, result } : { ok: false, reason: 'it came to a function, which is no data; call it' };
  } catch (error) {
    return { ok: false, reason: (error as Error | undefined)?.message ?? String(error) };
  }
}

/** Characters of JSON, and of anything else that one call puts together: these two make far more of a text than they were given. */
const MAX_CHARACTERS = 8_388_608;

const { stringify } = JSON;
const { join } = Array.prototype;
JSON.stringify = ((value: unknown, ...rest: [never]) => stringify(bounded(value), ...rest)) as typeof JSON.stringify;
Array.prototype.join = function (this: unknown[], separator?: string): string {
  return join.call(bounded(this), separator);
};

function bounded<T>(value: T): T {
  if (isWithin(value, MAX_CHARACTERS)) return value;
  throw new Error(`a value of more than ${MAX_CHARACTERS} characters came up; make less of the data at once`);
}

process.on('message', (task: SandboxTask) => {
  void answer(task).then((reply) => say(reply));
});
// Without its parent there is nothing to do; signals of a terminal go to the whole group, and the parent may still need it.
process.on('disconnect', () => process.exit());
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
say('ready');
