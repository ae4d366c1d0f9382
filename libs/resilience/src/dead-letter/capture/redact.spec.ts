import { describe, expect, it } from '@jest/globals';
import { DEFAULT_DEAD_LETTER_OPTIONS } from '../dead-letter.options.js';
import { createRedactor, REDACTED } from './redact.js';
import { matchesRedactPath, parseRedactPath } from './redact-path.js';
import { encodeArgs } from './serializer.js';

function encode(args: unknown[], redact = DEFAULT_DEAD_LETTER_OPTIONS.redact) {
  return encodeArgs(args, { ...DEFAULT_DEAD_LETTER_OPTIONS, redact });
}

describe('values that are not stored', () => {
  it('are those of the keys everybody would name, in any case and depth', () => {
    const login = {
      user: 'ada',
      Password: 'p',
      nested: [{ accessToken: 't', 'API-Key': 'k', apiKey: { id: 1 }, api_key: 5 }],
    };

    const encoded = encode([login, new Map([['cookie', 'c'], ['plain', 'x']]), { headers: { Authorization: 'Bearer x' } }]); // prettier-ignore

    expect(encoded.redacted).toEqual([
      'args[0].Password',
      'args[0].nested[0].accessToken',
      'args[0].nested[0].API-Key',
      'args[0].nested[0].apiKey',
      'args[0].nested[0].api_key',
      'args[1].cookie',
      'args[2].headers.Authorization',
    ]);
    expect(JSON.stringify(encoded.args)).not.toMatch(/"[ptkc]"|Bearer/);
    expect(JSON.stringify(encoded.args)).toContain('"x"');
  });

  it('make an entry that says why it cannot be replayed', () => {
    const encoded = encode([{ password: 'p' }]);

    expect(encoded.replayable).toBe(false);
    expect(encoded.notReplayable).toEqual(['args[0].password was left out as secret ([redacted])']);
  });

  it('may be named by path, on top of the usual keys', () => {
    const encoded = encode(
      [{ card: { number: '4111' }, items: [{ pin: 1 }, { pin: 2 }], secret: 1 }, 'whole'],
      [...['args[0].card.number', '[0].items[*].pin', '1']],
    );

    expect(encoded.args.json).toEqual([
      { card: { number: REDACTED }, items: [{ pin: REDACTED }, { pin: REDACTED }], secret: REDACTED },
      REDACTED,
    ]);
  });

  it('may be decided by a function alone, or not at all', () => {
    const args = [{ password: 'p', iban: 'DE1' }];

    expect(encode(args, (path) => path.endsWith('.iban')).args.json).toEqual([{ password: 'p', iban: REDACTED }]);
    expect(encode(args, false)).toMatchObject({ args: { json: args }, replayable: true });
  });

  it('are also those in an error given as an argument', () => {
    const error = Object.assign(new Error('login failed: password=hunter22', { cause: { token: 'abc' } }), {
      apiKey: 'k-1',
    });

    const stored = JSON.stringify(encode([error]).args);

    expect(stored).not.toMatch(/hunter22|abc|k-1/);
  });
});

const { text } = createRedactor([]);

describe('secrets in messages', () => {
  it.each([
    ['password=hunter22 refused', 'password=[redacted] refused'],
    ['bad config {"apiKey": "k-123", "n": 1}', 'bad config {"apiKey": [redacted], "n": 1}'],
    ['Authorization: Bearer eyJhbGciOi.x.y', 'Authorization: [redacted]'],
    ['got 401 for Bearer eyJhbGciOi.x.y', 'got 401 for Bearer [redacted]'],
    ['connect postgres://app:pw@db:5432/x failed', 'connect postgres://app:[redacted]@db:5432/x failed'],
    ['the token expired', 'the token expired'],
  ])('%s', (message, clean) => {
    expect(text(message)).toBe(clean);
  });

  it('that repeat a redacted argument are removed, short ones left', () => {
    expect(text('user s3cretword unknown, answer yes', ['s3cretword', 'yes'])).toBe(
      'user [redacted] unknown, answer yes',
    );
  });

  it('stay when redaction is off', () => {
    expect(createRedactor(false).text('password=x')).toBe('password=x');
  });
});

describe('texts that callers wrote to keep us busy', () => {
  it.each(
    ['token', 'token ', 'a.', 'a-', 'a:', 'a://', 'a://b:', '--token', ' -token ', '<token', '<token ', 'token="', "token='\\", 'token=[', 'eyJ', 'eyJa.', 'basic ', 'bearer ', 'cookie:', '-----BEGIN PRIVATE KEY-----', 'a://b:c@', 'token=.,;', '{"token":', '"', '["'].map(
      (part) => [part],
    ), // prettier-ignore
  )('%s, again and again, take no time to speak of', (part) => {
    const hostile = `${part.repeat(Math.ceil(262_144 / part.length))} token`;

    // Linear is some dozens of milliseconds; what grows with the square of the length takes minutes, and is ended.
    expect(text(hostile)).toEqual(expect.any(String));
  });
});

describe('a redact path', () => {
  it.each([
    ['**.iban', ['0', 'a', 'b', 'iban'], true],
    ['**.iban', ['iban'], true],
    ['*.iban', ['0', 'a', 'iban'], false],
    ['0.a', ['0', 'a', 'b'], false],
  ])('%s over %j: %s', (pattern, place, covered) => {
    expect(matchesRedactPath(parseRedactPath(pattern)!, place)).toBe(covered);
  });

  it.each(['', 'a..b', 'a[', 'a b', '.'])("'%s' is none", (text) => {
    expect(parseRedactPath(text)).toBeUndefined();
  });
});
