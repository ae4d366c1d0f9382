import { describe, expect, it } from '@jest/globals';
import { neverShow, neverShowPasswordOf, redactedStack, redactText, redactValue } from './index.js';
import { isSecretKey, isSecretName } from './secret-names.js';
import { TextRedactor } from './text-redactor.js';

const S = 'Zq9xHidden77Value';
const HEX = '0123456789abcdef0123456789abcdef';

/** Names whose values are shown to nobody. */
const SECRET_NAMES = (
  'password Password DB_PASSWORD userPassword dbpassword password2 password_hash passwordConfirmation pwd Pwd MYSQL_PWD dbPwd passwd pass ' +
  'dbPass smtp_pass passphrase ssh-passphrase pw pin userPin pinCode credential credentials awsCredentials access_key accessKey accessKeyId ' +
  'AWS_ACCESS_KEY private_key privateKey ssh.private.key secretKey api.key api__key apiKey APIKey X-Api-Key apikeys bearer auth x-auth ' +
  'http_auth jwt idJwt sid connect.sid sessionId session_id SESSION-ID sessionid phpsessid signature X-Signature x-hub-signature-256 otp totp ' +
  'oneTimeOtp cvv cardCvv cvc iban accountIban ssn csrf csrfToken _csrf xsrf-token refresh refreshToken refresh_tokens encryption_key ' +
  'encryptionKey masterKey master_key signingKey seedPhrase seed_phrase recoveryPhrase mnemonic hmac X-Hmac hmacHeader token access_token ' +
  'accesstoken subscriptionKey Ocp-Apim-Subscription-Key x-functions-key mfaCode unlock_code device_code securityAnswer recoveryCodes ' +
  'backup_codes code_verifier client_assertion samlResponse wallet_seed idToken tokens authorization Proxy-Authorization cookie cookies Set-Cookie secret secrets client_secret clientsecret'
).split(' ');

/** Names that look like it and are none. */
const PLAIN_NAMES = (
  'maxTokens totalTokens promptTokens prompt_tokens completion_tokens max_new_tokens inputTokens tokenCount tokenLimit tokens_per_minute ' +
  'tokensPerMinute tokenizer tokenized tokenType token_type tokenUsage author authors authored authority authenticated passenger passengers ' +
  'compass bypass passed passing pinned pinning spinning pinCount keyboard monkey keys key keyId primaryKey publicKey foreign_key secretary ' +
  'secretariat session sessions signatureStyle signatureAlgorithm signed assigned design passwordless passwordPolicy passwordChangedAt ' +
  'cookieConsent authMethod authUrl tokenUrl authorizationUrl refreshInterval refreshRate refreshedAt oauth OAuth option options outside ' +
  'inside side consider president opinion shipping ping jwtAlgorithm credentialType ibanValid boardingPass firstPass hmacAlgorithm code ' +
  'errorCode statusCode description'
).split(' ');

/** Texts in which the value stands, whoever wrote them. */
const SECRET_TEXTS: readonly string[] = [
  ...['pwd', 'passwd', 'pass', 'passphrase', 'pin', 'pw', 'credentials', 'access_key', 'private_key', 'privateKey', 'api.key', 'api__key', 'bearer', 'auth', 'sid', 'jwt', 'signature', 'otp', 'cvv', 'iban', 'ssn', 'csrf', 'refresh', 'encryption_key', 'x-hmac', 'DB_PASSWORD'].flatMap((name) => [`${name}=${S}`, `connect failed, ${name}: ${S}, host: db`, `{"a":1,"${name}":"${S}"}`, `answered 500: {"error":{"${name}":"${S}"}}`, `${name} = '${S}'`]), // prettier-ignore
  ...['session id', 'master key', 'encryption key', 'api key', 'access key'].map((name) => `${name}: ${S}`),
  `seed phrase: abandon ${S} ability`,
  `{\\"pwd\\":\\"${S}\\"}`,
  `%7B%22passwd%22%3A%22${S}%22%7D`,
  `user[password]=${S}&user[name]=a`,
  `user%5Bpwd%5D=${S}`,
  `&quot;password&quot;:&quot;${S}&quot;`,
  `passwd&#61;${S}`,
  `<pwd>${S}</pwd>`,
  `run --passphrase ${S} now`,
  `mysql -u root -p${S} orders`,
  `sshpass -p ${S} ssh host`,
  `tool -p ${S}`,
  `curl -u ada:${S} https://example.org`,
  `Driver={ODBC Driver 18};Server=db;Uid=sa;Pwd=${S};Encrypt=yes`,
  `https://example.blob.core.windows.net/c/f?sv=2022-11-02&se=2030-01-01&sr=b&sp=r&sig=${S}%3D`,
  `https://bucket.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${S}%2F2026&X-Amz-Signature=${S}`,
  `https://maps.example/api?address=x&key=${S}`,
  `https://app.example/callback?code=${S}&state=1`,
  `https://hooks.slack.com/services/T00000000/B00000000/${S}`,
  `https://discord.com/api/webhooks/123456789/${S}`,
  `https://api.telegram.org/bot123456789:${S}/sendMessage`,
  `postgres://app:${S}@db/orders`,
  `redis://:${S}@cache:6379`,
  `Bearer ${S}`,
  `Authorization: Digest username="a", response="${S}"`,
  `Cookie: theme=dark; sid=${S}`,
  `rawHeaders: ["Host","a","X-Api-Key","${S}"]`,
  `rawHeaders: [ 'Authorization', 'Token ${S}' ]`,
  `env:\n- name: DB_PASSWORD\n  value: ${S}`,
  `<add key="Password" value="${S}"/>`,
  `<input name='api_key' value='${S}'>`,
  `password: |\n  ${S}\nhost: db`,
  `apiToken: >-\n    ${S}`,
  `machine api.example.com login ada password ${S}`,
  `ALTER USER a WITH PASSWORD '${S}'`,
  `CREATE USER a IDENTIFIED WITH caching_sha2_password BY '${S}'`,
  `SET PASSWORD FOR a = PASSWORD('${S}')`,
  `ENV API_TOKEN ${S}`,
  `aws configure set aws_secret_access_key ${S}`,
  `redis-cli -h cache -a ${S} ping`,
  `requirepass ${S}`,
  `ada:${S}@tcp(db:3306)/orders`,
  `jdbc:oracle:thin:scott/${S}@//h:1521/x`,
  `https://acme.webhook.office.com/webhookb2/${HEX}@${HEX}/IncomingWebhook/${S}`,
  `https://outlook.office.com/webhook/${HEX}@${HEX}/IncomingWebhook/${S}`,
  `https://hooks.zapier.com/hooks/catch/123456/${S}`,
  `https://maker.ifttt.com/trigger/x/with/key/${S}`,
  `wss://feed.example/?ticket=${S}`,
  `https://api.example/?subscription-key=${S}`,
  `Sec-WebSocket-Protocol: bearer, ${S}`,
  `-----BEGIN OPENSSH PRIVATE KEY-----\n${S}\n-----END OPENSSH PRIVATE KEY-----`,
  `-----BEGIN PGP PRIVATE KEY BLOCK-----\n${S}\n-----END PGP PRIVATE KEY BLOCK-----`,
];

/** Values that say themselves what they are. */
const SHAPED: readonly string[] = [
  ...['sk_live_', 'rk_live_', 'sk_test_', 'whsec_', 'github_pat_11', 'ghp_', 'gho_', 'glpat-', 'npm_', 'hf_', 'gsk_', 'xai-', 'sk-proj-', 'sk-ant-api03-', 'xoxb-', 'xoxe-', 'xapp-', 'ya29.a0', 'GOCSPX-', 'nvapi-', 'hvs.', 'figd_', 'lin_api_', 'dckr_pat_', 'dp.pt.', 'tskey-auth-', 'hvb.', 'NRAK-', 'PMAK-', 'pat-na1-', 'pcsk_', 'tvly-', 'fw_', 'csk-', 'jina_', 'lsv2_pt_', 'sbp_', 'sb_secret_', 're_', 'mlsn.', 'ntn_', 'CFPAT-', 'EZAK', 'xkeysib-', 'phx_', 'nfp_', 'rpa_', 'sntryu_', 'waka_', 'sk_prod_', 'pul-', 'dt0c01.'].map((start) => `${start}${S}${S}`), // prettier-ignore
  `AKIA${'IOSFODNN7EXAMPLE'}`,
  `ASIA${'IOSFODNN7EXAMPLE'}`,
  `AIza${S}${S}`,
  `SG.${S}.${S}`,
  `dapi${HEX}`,
  `key-${HEX}`,
  `SK${HEX}`,
  `shpat_${HEX}`,
  `dop_v1_${HEX}${HEX}`,
  `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${S}`,
];

const PLAIN_TEXTS: readonly string[] = [
  'the token expired, says the secretary, so bake a cookie',
  'basic subscription to the API',
  'password: invalid',
  "the fields ['password', 'email'] are missing",
  "column password 'must not be empty'",
  '<field name="status" value="open"/>',
  'queue: |\n  orders\n  refunds',
  'primary_key orders_2026_11_27_by_customer',
  'are_we_there_yet_0123456789abcdef0123456789abcdef',
  'a fw_1 and an sl.3, then re_read the doc',
  'user_code_of_conduct, subscription: yes, device code: 7',
  'auth: failed',
  'expected 3 tokens: 2 found',
  'usage: maxTokens=100, totalTokens: 12',
  '{"usage":{"promptTokens":12,"total_tokens":40},"author":"Ada","session":"morning"}',
  'https://example.org:8080/@scope/name?page=2&sort=asc',
  'https://example.org/?code=EUR&key=name',
  'mkdir -p data/archive && docker run -p 8080:80 image',
  'keyboard: qwertyuiop, monkey: capuchin',
  'npm_config_registry is set, hf_hub_offline too',
  'TypeError: Cannot read properties of undefined (reading "pin")',
  'at run (file:///app/node_modules/pg/lib/client.js:12:5)',
];

describe('a name', () => {
  it.each(SECRET_NAMES)('%s is that of a secret', (name) => {
    expect(isSecretName(name, 'a text')).toBe(true);
  });

  it.each(PLAIN_NAMES)('%s is not', (name) => {
    expect(isSecretName(name, 'a text')).toBe(false);
    expect(isSecretKey(name, 'a text')).toBe(false);
  });

  it('of a count or a switch is none', () => {
    expect(['tokens', 'pass', 'auth', 'refresh'].filter((name) => isSecretName(name, 3))).toEqual([]);
    expect(isSecretName('refresh', true)).toBe(false);
    expect(isSecretName('pin', 1234)).toBe(true);
  });

  it.each('pwd pass pin credentials access_key signature jwt otp iban refresh'.split(' '))(
    '%s does not keep the arguments of a dead letter from being replayed',
    (name) => {
      expect(isSecretKey(name, 'a text')).toBe(false);
    },
  );
});

describe('a text that is shown', () => {
  it.each(SECRET_TEXTS)('loses the secret of %s', (text) => {
    const clean = redactText(`before ${text}`);

    expect(clean).toContain('[redacted]');
    expect(clean).not.toContain(S);
    expect(clean).toMatch(/^before /);
    expect(redactText(text)).not.toContain(S);
  });

  it.each(SHAPED)('loses %s in every place', (value) => {
    for (const text of [
      value,
      `got ${value}, stop`,
      `"${value}"`,
      `(${value})`,
      `a=${value}&b`,
      JSON.stringify({ a: [value] }),
    ])
      expect(redactText(text)).not.toContain(value.slice(-12));
    expect(new TextRedactor('firm').clean(`got ${value}`)).not.toContain(value.slice(-12));
  });

  it.each(PLAIN_TEXTS)('keeps %s', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it('is the same when it is cleaned again', () => {
    const once = SECRET_TEXTS.map(redactText);

    expect(once.map(redactText)).toEqual(once);
  });
});

describe('what the configuration holds', () => {
  it('is in no text any more, in any form', () => {
    const key = 'plain words & "quotes" only';
    neverShow(key, undefined, 'short');
    neverShowPasswordOf('postgres://app:letmein%21now@db/orders');

    const shown = [key, encodeURIComponent(key), JSON.stringify({ x: key }), `letmein!now`, 'letmein%21now', Buffer.from(key).toString('base64')]; // prettier-ignore

    expect(shown.map((text) => redactText(`see ${text} there`)).filter((text) => !text.includes('[redacted]'))).toEqual(
      [],
    );
    expect(redactText('short is short')).toBe('short is short');
  });

  it('is left where it is only a placeholder', () => {
    neverShow('postgres', 'changeme', 'password');

    expect(redactText('the postgres server of changeme')).toBe('the postgres server of changeme');
  });
});

describe('an error and plain data', () => {
  it('lose the secrets of every cause and every depth', () => {
    const error = new Error(`pwd=${S}`, {
      cause: new TypeError(`at https://a:${S}@b`, { cause: `token ghp_${S}${S}` }),
    });

    expect(redactedStack(error)).not.toContain(S);
    expect(redactedStack(error)).toContain('caused by: TypeError');
    expect(redactValue({ a: [{ pwd: S, n: 1 }], url: `https://a:${S}@b/c` })).toEqual({
      a: [{ pwd: '[redacted]', n: 1 }],
      url: 'https://a:[redacted]@b/c',
    });
  });

  it('never make it throw', () => {
    const hostile = new Proxy({}, { ownKeys: () => { throw new Error('no'); }, get: () => { throw new Error('no'); } }); // prettier-ignore
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;

    expect([hostile, circle, Symbol('x'), null, undefined].map((one) => typeof redactedStack(one))).not.toContain(
      'object',
    );
    expect(() => [hostile, circle].map(redactValue)).not.toThrow();
  });
});

describe('texts that callers wrote to keep us busy', () => {
  const parts = [
    ...['token', 'token ', 'a.', 'a-', 'a:', 'a=', 'a://', 'a://b:', 'a://b:c@', '--token', ' -token ', ' -p ', ' -p a1', ' -u a:', '<token', '<token ', '<a>', 'token="', "token='\\", 'token=[', 'token=.,;', 'token=.', 'eyJ', 'eyJa.', 'eyJaaaaaaaaaa.', 'basic ', 'bearer ', 'cookie:', '-----BEGIN ', '-----BEGIN PRIVATE KEY-----', '{"token":', '"', '["', '[', ' ', '\\', '%22', '&quot;', '&quot;token&quot;:', 'mysql ', 'mysql -p', 'sk_live_', 'SG.aaaaaaaaaa', '1', '123456:', '/bot', 'hooks.slack.com/services/', 'A', 'Aa', 'key=', '?key=', '["x-token",', '["x-a-a-a","', 'name: token value: ', 'name=token ', 'a_token ', 'a_token a1', 'a_', 'token: |\n ', 'token: |\n', '|\n a\n', 'login a password ', 'identified by ', "password('", 'redis-cli ', 'redis-cli -a ', 'sec-websocket-protocol ', 'a:aaa', 'thin:a/', 're_a', 'sl.', 'dp.pt.', '&', ';', ':', '=', ' \t', 'pass phrase:'], // prettier-ignore
  ];
  it.each(parts)('%j, again and again, takes no time to speak of', (part) => {
    const hostile = `${part.repeat(Math.ceil(262_144 / part.length))} token`;

    // Linear is some dozens of milliseconds; what grows with the square of the length takes minutes, and is ended.
    expect(redactText(hostile)).toEqual(expect.any(String));
  });
});
