import { usageError } from './exit-code.js';

/** Where the application is and what opens its routes. */
export interface AdminAddress {
  readonly url: URL;
  readonly token: string | undefined;
}

const DEFAULT_URL = 'http://localhost:3000';

/** @throws CliError naming both if both cannot be; never with the token */
export function readAddress(
  given: { readonly url: string | undefined; readonly token: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
): AdminAddress {
  const urlFrom = given.url === undefined ? 'NEST_RESILIENCE_URL' : '--url';
  const tokenFrom = given.token === undefined ? 'NEST_RESILIENCE_TOKEN' : '--token';
  const text = given.url ?? (env['NEST_RESILIENCE_URL']?.trim() || DEFAULT_URL);
  // Files and secrets often end with a line break.
  const token = (given.token ?? env['NEST_RESILIENCE_TOKEN'])?.trim() || undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const problems: string[] = [];
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    problems.push(`${urlFrom} is no http:// or https:// address: '${withoutUser(text)}', expected e.g. ${DEFAULT_URL}`);
  } else if (url.username !== '' || url.password !== '') {
    problems.push(`${urlFrom} holds a user or a password, which would not be sent: give the token alone`);
  }
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    problems.push(`${tokenFrom} holds spaces or letters that no HTTP header can carry`);
  }
  if (url === undefined || problems.length > 0) throw usageError(...problems);
  return { url, token };
}

function withoutUser(text: string): string {
  return text.replace(/\/\/.*@/s, '//');
}
