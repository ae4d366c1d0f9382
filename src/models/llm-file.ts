import { readFileSync } from 'node:fs';

import { redactText, type ResilienceOptionsError } from '@nest-resilience/core';
import type { LlmModuleOptions } from '@nest-resilience/llm';
import { readYaml } from '@nest-resilience/workflow';

import { ConfigurationError } from '../configuration/configuration.js';

type Path = readonly (string | number)[];
type Environment = Readonly<Record<string, string | undefined>>;

const FROM_ENV = /^env:(.*)$/s;

/** What `LLM_FILE` says, and how its mistakes are told. */
export interface LlmFile {
  readonly options: Partial<LlmModuleOptions>;
  /** The same, with the file, line and column of each. */
  problems(error: ResilienceOptionsError): ConfigurationError;
  problem(path: Path, message: string): ConfigurationError;
}

/**
 * Reads the options of `LlmModule` from YAML or JSON. A text `env:NAME` stands for the variable of that name, so that secrets stay out of it.
 * @throws ConfigurationError when it cannot be read, or names variables that are not set
 */
export function readLlmFile(name: string, env: Environment): LlmFile {
  const told = (messages: readonly { message: string; line?: number; column?: number }[]) =>
    new ConfigurationError(
      messages.map(({ message, line, column }) => ({
        ...{ name: 'LLM_FILE', message: redactText(message) },
        source: line === undefined ? name : `${name}:${line}:${column}`,
      })),
    );
  const read = readYaml(textOf(name, (message) => told([{ message }])));
  if (read.problems) throw told(read.problems);
  const { value, locate } = read;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw told([{ message: "must hold options, e.g. 'providers: [{ name: ollama, kind: ollama, model: llama3.2 }]'", line: 1, column: 1 }]); // prettier-ignore

  const variables = new Map<string, string>();
  const missing: { message: string; line: number; column: number }[] = [];
  const options = fromEnv(value, [], (variable, path) => {
    const found = env[variable];
    if (found) variables.set(found, variable);
    else missing.push({ message: `the environment has no ${variable || 'variable of this name'}`, ...locate(path) });
    return found ?? '';
  }) as Partial<LlmModuleOptions>;
  if (missing.length > 0) throw told(missing);
  return {
    options,
    problem: (path, message) => told([{ message, ...locate(path) }]),
    problems: ({ problems }) => {
      const all = problems.map(({ path, value: got, allowed }) => {
        const { way, place } = placeIn(options, path.replace(/^LlmModule > /, ''));
        const variable = variables.get(String(got));
        const message = `${way}: got ${variable === undefined ? shownOf(got) : `env:${variable}`}, expected ${allowed}`;
        return [message, { message, ...locate(place) }] as const;
      });
      // What holds for all models is wrong for each of them.
      const once = [...new Map(all).values()];
      return told(once.toSorted((a, b) => a.line - b.line || a.column - b.column));
    },
  };
}

function textOf(name: string, refused: (message: string) => Error): string {
  try {
    return readFileSync(name, 'utf8');
  } catch (error) {
    throw refused(`cannot be read: ${(error as Error).message}`);
  }
}

function fromEnv(value: unknown, path: Path, read: (variable: string, path: Path) => string): unknown {
  if (typeof value === 'string') {
    const variable = FROM_ENV.exec(value)?.[1];
    return variable === undefined ? value : read(variable, path);
  }
  if (Array.isArray(value)) return value.map((one: unknown, index) => fromEnv(one, [...path, index], read));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, fromEnv(one, [...path, key], read)]));
}

function shownOf(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'a map';
  return JSON.stringify(value) ?? 'nothing';
}

/** Options are told by the names of their providers, `ollama > models[1] > cost`, policies by those of circuits, `llm:ollama:qwen3 > retry`. */
function placeIn(options: Partial<LlmModuleOptions>, way: string): { readonly way: string; readonly place: Path } {
  const [first = '', ...rest] = way.split(' > ').flatMap((part) => {
    const [, list, index] = /^(.*)\[(\d+)\]$/.exec(part) ?? [];
    return list === undefined ? [part] : [list, Number(index)];
  });
  const circuit = /^llm:([^:]*):/.exec(String(first))?.[1];
  for (const list of ['providers', 'embeddings'] as const) {
    const all = listIn(options[list]);
    const index = all.findIndex((one) => one?.name === (circuit ?? first));
    if (index >= 0 && (circuit === undefined || String(rest[0]) in Object(all[index])))
      return { way, place: [list, index, ...rest] };
  }
  return circuit === undefined ? { way, place: [first, ...rest] } : { way: rest.join(' > '), place: rest };
}

/** Nothing of it is checked yet. */
export function listIn(written: unknown): readonly ({ readonly name?: unknown; readonly kind?: unknown } | null)[] {
  return Array.isArray(written) ? (written as ReturnType<typeof listIn>) : [];
}
