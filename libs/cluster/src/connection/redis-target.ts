import { neverShow, type option } from '@nest-resilience/core';

/** Where Redis or Valkey is. */
export interface RedisTarget {
  readonly kind: 'server' | 'sentinel' | 'cluster';
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  /** Of Sentinel: the name of the master group. */
  readonly master: string | undefined;
  readonly db: number;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** For logs and errors: the URL without its password. */
  readonly shown: string;
}

const EXPECTED =
  "a URL such as 'redis://user:password@host:6379', 'rediss://host' (TLS), 'redis+sentinel://host1,host2/master' or 'redis+cluster://host1,host2'";

const URL_PARTS = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:(.*)@)?([^@/?#]+)((?:\/[^/?#]*)*)$/;

/** Passwords are never part of what is refused: that ends in logs. */
export function readRedisTarget(value: unknown, at: option.Place): RedisTarget | undefined {
  const [, scheme, kind = 'server', login, list = '', path = ''] = URL_PARTS.exec(String(value)) ?? [];
  const shown = typeof value === 'string' ? value.replace(/\/\/.*@/, '//') : value;
  if (scheme === undefined) return at.refuse(shown, EXPECTED);

  const hosts = list.split(',').map((one) => readHost(one, kind === 'sentinel' ? 26_379 : 6379));
  const wrong = list.split(',').find((_, index) => hosts[index] === undefined);
  if (wrong !== undefined) return at.refuse(wrong, 'a host with or without a port, such as host:6379 or [::1]:6379');
  if (kind === 'server' && hosts.length > 1)
    return at.refuse(shown, 'one host; of several say which: redis+sentinel:// or redis+cluster://');

  const user = readLogin(login);
  if (user === undefined) return at.refuse(shown, "user:password or :password before the @, a percent sign as '%25'");

  const [, first = '', ...more] = path.split('/');
  const [master, number = ''] = kind === 'sentinel' ? [first, ...more] : [undefined, first];
  if (master === '') return at.refuse(shown, "the name of the master group behind the hosts: '.../mymaster'");
  if (!/^\d{0,5}$/.test(number) || more.length > (kind === 'sentinel' ? 1 : 0))
    return at.refuse(shown, 'the number of a database behind the last slash, or nothing');
  if (kind === 'cluster' && Number(number) !== 0) return at.refuse(shown, 'no database: a Redis Cluster has only 0');

  neverShow(user.password);
  const named = user.username === undefined ? '' : `${user.username}@`;
  return {
    ...{ kind: kind as RedisTarget['kind'], hosts: hosts as RedisTarget['hosts'], master, ...user },
    ...{ db: Number(number), tls: scheme === 'rediss', shown: String(value).replace(/\/\/(.*@)?/, `//${named}`) },
  };
}

function readHost(text: string, usual: number): RedisTarget['hosts'][number] | undefined {
  const [, six, four, port = String(usual)] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const host = six ?? four;
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) };
}

function readLogin(login: string | undefined): Pick<RedisTarget, 'username' | 'password'> | undefined {
  if (login === undefined) return { username: undefined, password: undefined };
  const colon = login.indexOf(':');
  if (colon < 0) return undefined;
  try {
    const [username, password] = [login.slice(0, colon), login.slice(colon + 1)].map(decodeURIComponent);
    return { username: username === '' ? undefined : username, password };
  } catch {
    return undefined;
  }
}
