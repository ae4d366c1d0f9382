import { REDACTED } from './redacted.js';

/** Shorter ones would blank innocent words. */
const SHORTEST = 8;
/** Somebody who makes one for each call must not fill the memory. */
const MOST = 1_000;
/** What stands where nobody has chosen a secret yet. Blanked everywhere they would take the sense out of messages. */
const PLACEHOLDERS = new Set(
  'password passw0rd postgres changeme change-me rabbitmq minioadmin localhost undefined not-needed no-key-needed anything administrator'.split(
    ' ',
  ),
);

/** On globalThis: a duplicate install of this package must not show what the other one was told. */
const KNOWN = ((globalThis as Record<symbol, unknown>)[Symbol.for('nest-resilience:known-secrets')] ??=
  new Map()) as Map<string, readonly string[]>;
/** Longest first: one secret may be the beginning of another. */
let sorted: readonly (readonly string[])[] = [];
let sortedSize = -1;

/**
 * Takes these values out of everything that the packages keep, log or show from now on, wherever they are repeated. For keys,
 * tokens and passwords of the configuration. Values of less than 8 characters, and placeholders such as `changeme`, are left.
 */
export function neverShow(...secrets: readonly (string | undefined)[]): void {
  for (const secret of secrets) {
    if (typeof secret !== 'string' || secret.length < SHORTEST || PLACEHOLDERS.has(secret.toLowerCase())) continue;
    if (KNOWN.has(secret)) continue;
    if (KNOWN.size >= MOST) for (const oldest of [...KNOWN.keys()].slice(0, 1)) KNOWN.delete(oldest);
    KNOWN.set(secret, [...formsOf(secret)]);
    sortedSize = -1;
  }
}

/** {@link neverShow} for the password of a connection string, as it is written there and decoded. */
export function neverShowPasswordOf(url: string | undefined): void {
  if (url === undefined || !URL.canParse(url)) return;
  const { password, username } = new URL(url);
  // A lone user name is a token: redis://token@host, https://token@host.
  const secret = password === '' ? username : password;
  try {
    neverShow(secret, decodeURIComponent(secret));
  } catch {
    neverShow(secret);
  }
}

/** The text without any secret that {@link neverShow} was told. */
export function withoutKnownSecrets(text: string): string {
  if (KNOWN.size === 0) return text;
  if (sortedSize !== KNOWN.size) {
    sorted = [...KNOWN].sort(([a], [b]) => b.length - a.length).map(([, forms]) => forms);
    sortedSize = KNOWN.size;
  }
  let clean = text;
  for (const forms of sorted)
    for (const form of forms) if (clean.includes(form)) clean = clean.replaceAll(form, REDACTED);
  return clean;
}

/** As it stands, in a URL, in JSON and in base64. */
export function formsOf(secret: string): Set<string> {
  const forms = new Set([secret, JSON.stringify(secret).slice(1, -1)]);
  try {
    forms.add(encodeURIComponent(secret));
  } catch {
    // Half a surrogate pair has no form in a URL.
  }
  // Its last letters depend on what follows.
  const coded = Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -1);
  if (coded.length >= SHORTEST) forms.add(coded);
  return forms;
}
