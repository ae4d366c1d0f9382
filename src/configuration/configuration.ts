import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { nearest, parseDuration } from '@nest-resilience/core';
import { isDestination } from '@nest-resilience/workflow';
import { z } from 'zod';

const EXAMPLES = "'archive.internal', '10.1.0.0/16' or 'localhost:8080'";

/** A setting that cannot work; {@link ConfigurationError} lists all of them. */
export interface ConfigurationProblem {
  readonly name: string;
  /** Where it was given. */
  readonly source: string;
  readonly message: string;
}

/** The service does not start with settings that cannot work. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';

  constructor(readonly problems: readonly ConfigurationProblem[]) {
    const lines = problems.map(({ name, source, message }) => `  ${name} (${source}): ${message}`);
    super(`The configuration cannot work:\n${lines.join('\n')}`);
  }
}

const duration = z
  .string()
  .refine((text) => parseDuration(text) !== undefined, "a duration such as '250ms', '30s', '5m'");
const url = z.url({ protocol: /^https?$/, error: 'an http or https URL' });
const port = z.coerce.number().int().min(0).max(65_535);
const whole = z.coerce.number().int().min(0);
const flag = z
  .union([z.boolean(), z.enum(['true', 'false'])], { error: 'true or false' })
  .transform((value) => value === true || value === 'true');

const switchable = z
  .union([z.boolean(), z.enum(['on', 'off', 'true', 'false'])], { error: 'on or off' })
  .transform((value) => value === true || value === 'on' || value === 'true');

/** Between commas in the environment. */
const list = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').map((entry) => entry.trim()) : value),
  z.array(z.string(), { error: 'a list of texts' }),
);
const destinations = list.superRefine((entries, context) => {
  const wrong = entries.filter((entry) => !isDestination(entry)).map((entry) => `'${entry}'`);
  if (wrong.length === 0) return;
  const message = `${wrong.join(', ')} is no destination; expected host names, addresses or ranges such as ${EXAMPLES}`;
  context.addIssue({ code: 'custom', message });
});

/** User and password are decoded: a percent sign in one of them is written %25. */
function isDecodable(text: string): boolean {
  try {
    const { username, password } = new URL(text);
    return [username, password].every((part) => typeof decodeURIComponent(part) === 'string');
  } catch {
    return false;
  }
}
const DECODABLE = { error: 'a URL whose user and password can be decoded; write a percent sign in them as %25' };

/** Every setting of the service. All are optional: with none the service listens on port 3000 and keeps its data in `data/`. */
const SETTINGS = z.object({
  /** HTTP. 0: any free port. */
  PORT: port.default(3000),
  HOST: z.string().min(1).default('0.0.0.0'),
  /** Connections at once; further ones are not let in. */
  HTTP_CONNECTIONS: whole.min(1).default(10_000),
  /** What a client gets for the headers of a request, and then for its body. */
  HTTP_HEADERS_TIMEOUT: duration.default('10s'),
  HTTP_REQUEST_TIMEOUT: duration.default('30s'),
  /** How other services send messages: `tcp`, `nats`, `redis` or `none`. */
  TRANSPORT: z.enum(['tcp', 'nats', 'redis', 'none']).default('tcp'),
  /** For `tcp`, which neither encrypts nor asks who connects: only this machine unless told otherwise. */
  TCP_HOST: z.string().min(1).default('127.0.0.1'),
  TCP_PORT: port.default(3001),
  TCP_CONNECTIONS: whole.min(1).default(1_000),
  /** From the first byte of a message to its last. */
  TCP_FRAME_TIMEOUT: duration.default('10s'),
  /** Bytes of messages that have not come to their end, of all connections together. */
  TCP_UNFINISHED: whole.min(1).default(33_554_432),
  NATS_URL: z
    .url({ protocol: /^(nats|tls)$/, error: 'a nats or tls URL' })
    .refine(isDecodable, DECODABLE)
    .default('nats://127.0.0.1:4222'),
  /** For `TRANSPORT=redis`, and for `CLUSTER=redis`, which takes the URLs of Sentinel and of a Redis Cluster as well. */
  REDIS_URL: z
    .url({
      protocol: /^rediss?(\+(sentinel|cluster))?$/,
      error: 'a redis or rediss URL, or redis+sentinel://, redis+cluster://',
    })
    .refine(isDecodable, DECODABLE)
    .default('redis://127.0.0.1:6379'),
  /** PEM file with the certificate of the authority of a Redis with TLS. */
  REDIS_CA_FILE: z.string().min(1).optional(),
  /** Where dead letters and executions are kept: `postgres://` or `mysql://`. A file under `DATA_DIR` without it. */
  DATABASE_URL: z
    .url({
      protocol: /^(postgres(ql)?|mysql|mariadb)$/,
      error: 'a URL such as postgres://user:password@host/database or mysql://user:password@host/database',
    })
    .refine(isDecodable, DECODABLE)
    .optional(),
  /** `redis`: one of several replicas, which share their work over `DATABASE_URL` and `REDIS_URL`. */
  CLUSTER: z.enum(['off', 'redis']).default('off'),
  /** Begins every key and channel in Redis. */
  CLUSTER_PREFIX: z.string().min(1).default('nr'),
  /** Replicas that must have opened a circuit before it is open everywhere. */
  CLUSTER_QUORUM: whole.min(1).default(1),
  /** Without a sign of life for so long, what a replica runs is taken over. */
  EXECUTION_LEASE: duration.default('10s'),
  /** Name of this replica; no other may have it. Host name and chance without it. */
  REPLICA_ID: z.string().min(1).optional(),
  /** Directory of the database and of everything else that must outlive the process. */
  DATA_DIR: z.string().min(1).default('data'),
  /** Directory of the workflow files. */
  WORKFLOWS_DIR: z.string().min(1).default('workflows'),
  /** Take changed workflow files in use without a restart. */
  WORKFLOWS_WATCH: flag.default(true),
  /**
   * Private destinations that `http` nodes may call: host names, addresses or ranges, each also with a port, between commas.
   * A list in the file.
   */
  HTTP_ALLOW: destinations.default([]),
  /** How long ended executions are kept. 30 days without it. */
  EXECUTION_RETENTION: duration.optional(),
  /** Executions at work at once, and waiting; further ones are refused with 429. */
  EXECUTIONS_RUNNING: whole.min(1).default(50),
  EXECUTIONS_QUEUED: whole.default(1000),
  /**
   * `off`: what earlier processes left unfinished stays as it is until somebody resumes or cancels it. The way out when an execution
   * keeps taking the process along.
   */
  EXECUTIONS_RESUME: switchable.default(true),
  /** Largest accepted request body, in bytes. */
  BODY_LIMIT: whole.min(1).default(1_048_576),
  /** Bearer token of the routes and messages that start or change something or show arguments. They are closed without it. */
  ADMIN_TOKEN: z.string().min(8, 'at least 8 characters').optional(),
  /** How long the service goes on after SIGTERM made it not ready, so that load balancers notice. */
  SHUTDOWN_DELAY: duration.default('0s'),
  /** What requests and workflow steps at work get after that. */
  SHUTDOWN_TIMEOUT: duration.default('10s'),

  /**
   * YAML file of models, prices, guards and the cache of answers: the options of `LlmModule`. `llm.yaml` beside `CONFIG_FILE` without it, where
   * there is one.
   */
  LLM_FILE: z.string().min(1).optional(),
  /** Take a changed `LLM_FILE` in use without a restart. */
  LLM_WATCH: flag.default(true),
  /** Opens the chain at `/v1` to OpenAI's clients that bear it. Teams with keys, limits and budgets of their own are those of `LLM_FILE`. */
  LLM_ENDPOINT_TOKEN: z.string().min(16, 'at least 16 characters').optional(),
  /** `off`: nothing but a model answers; without a key of one the service does not start. */
  LLM_OFFLINE: z.enum(['last', 'off']).default('last'),
  /** For one request to a model. */
  LLM_TIMEOUT: duration.default('30s'),
  /** Per model, after the first request. */
  LLM_RETRIES: whole.default(2),
  LLM_RETRY_BASE_DELAY: duration.default('500ms'),
  /** How far back a model's circuit looks. */
  LLM_CIRCUIT_WINDOW: duration.default('5m'),
  LLM_CIRCUIT_RECOVERY: duration.default('60s'),

  /** Where mails are archived. Files under `DATA_DIR/archive` without it. */
  ARCHIVE_URL: url.optional(),
  /** Where triages are filed. They stay in the executions' output without it. */
  DESK_URL: url.optional(),
});

/** The service's settings, checked and with defaults. */
export type Configuration = z.output<typeof SETTINGS>;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the settings from the environment and, below it, from the JSON file that `CONFIG_FILE` names. An empty variable counts as
 * not set. Providers of language models are read by `providersFromEnv` from the same environment.
 * @throws ConfigurationError with every setting that cannot work
 */
export function readConfiguration(env: Environment = process.env): Configuration {
  const file = readFile(env['CONFIG_FILE']);
  const given = Object.fromEntries(
    Object.keys(SETTINGS.shape).flatMap((name) => {
      const value = env[name] || file.values[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const parsed = SETTINGS.safeParse(given);
  const sourceOf = (name: string): string => (env[name] ? 'environment' : file.name);
  const clashing = parsed.success
    ? clashes(parsed.data).map((clash) => ({ ...clash, source: sourceOf(clash.name) }))
    : [];
  if (parsed.success && file.problems.length + clashing.length === 0)
    return { ...parsed.data, LLM_FILE: parsed.data.LLM_FILE ?? besideOf(env['CONFIG_FILE']) };
  const problems = (parsed.error?.issues ?? []).map(({ path, message }): ConfigurationProblem => {
    const name = String(path[0]);
    return { name, source: sourceOf(name), message: `${shown(name, given[name])}: ${message}` };
  });
  throw new ConfigurationError([...file.problems, ...problems, ...clashing]);
}

/** Settings that each could work, and do not together. */
function clashes({
  CLUSTER,
  DATABASE_URL,
  TRANSPORT,
  REDIS_URL,
}: Configuration): Omit<ConfigurationProblem, 'source'>[] {
  const problems = [];
  if (CLUSTER !== 'off' && DATABASE_URL === undefined) {
    const message = `'${CLUSTER}' needs DATABASE_URL: replicas cannot share a file under DATA_DIR`;
    problems.push({ name: 'CLUSTER', message });
  }
  if (TRANSPORT === 'redis' && REDIS_URL.includes('+')) {
    const message = 'TRANSPORT=redis speaks with one server: a redis or rediss URL; CLUSTER=redis takes the others';
    problems.push({ name: 'REDIS_URL', message });
  }
  return problems;
}

function besideOf(configFile: string | undefined): string | undefined {
  const file = configFile && join(dirname(configFile), 'llm.yaml');
  return file && existsSync(file) ? file : undefined;
}

interface SettingsFile {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly problems: readonly ConfigurationProblem[];
}

function readFile(name: string | undefined): SettingsFile {
  if (!name) return { name: 'default', values: {}, problems: [] };
  const refused = (message: string): SettingsFile => ({
    name,
    values: {},
    problems: [{ name: 'CONFIG_FILE', source: 'environment', message }],
  });
  let values: unknown;
  try {
    values = JSON.parse(readFileSync(name, 'utf8'));
  } catch (error) {
    return refused(`'${name}' cannot be read as JSON: ${(error as Error).message}`);
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    return refused(`'${name}' must hold one object of settings`);
  }
  const known = Object.keys(SETTINGS.shape);
  const problems = Object.keys(values)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const near = nearest(key, known);
      return {
        name: key,
        source: name,
        message: `no such setting${near === undefined ? '' : `, did you mean ${near}?`}`,
      };
    });
  return { name, values: values as Record<string, unknown>, problems };
}

function shown(name: string, value: unknown): string {
  if (name.endsWith('TOKEN')) return '(secret)';
  // User and password of a URL, also of one that is none.
  return JSON.stringify(value)?.replace(/\/\/[^/@"]*@/g, '//(secret)@') ?? 'undefined';
}
