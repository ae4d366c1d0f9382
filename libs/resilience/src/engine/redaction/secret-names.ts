/** How much of a name is looked at: its end, which says what it is. */
const LONGEST_NAME = 200;

/** What a key says after naming a secret when its value is a fact about the secret: `tokenCount`, `passwordPolicy`, `signatureStyle`. */
const FACTS = new Set(
  (
    'type types style policy policies count counts limit limits length size usage budget ttl expiry expires expire expiration ' +
    'expired at in url uri endpoint issuer method mode algorithm alg version status state enabled disabled required valid ' +
    'name names provider scheme format field fields label min max minute hour second day rate cost price bucket interval ' +
    'path domain hint attempts changed updated created strength rotation consent banner ref present missing file ' +
    'usages details estimate window ratio total number'
  ).split(' '),
);

/** The words that dead letters take out of arguments: few, because an entry without an argument cannot be replayed. */
const FIRM = /^(?:secrets|cookies|apikeys)$|password(?!less)|(?:secret|token|apikey|cookie|authorization)$/;
const FIRM_PAIRS = new Set(['api key', 'api keys']);

/** Further words, for all that only people read. */
const FURTHER =
  /^(?:pwds?|creds?|credentials?|jwt|jwts|t?otp|cvv2?|cvc|ssn|iban|csrf|xsrf|hmac|mnemonic|passcode|(?:db|user|admin|root|smtp|ftp|proxy|mysql|pg|redis|login|http)pass)$|passwd|passphrase|pwd$|sess(?:ion)?id$|(?:access|private|secret|encryption|master|signing|account)keys?$/;
const FURTHER_PAIRS = new Set(
  (
    'access key,private key,secret key,encryption key,master key,signing key,account key,shared key,storage key,service key,' +
    'subscription key,function key,functions key,auth key,auth header,session key,session id,seed phrase,recovery phrase,recovery code,backup code,auth code,security code,' +
    'verification code,recovery codes,backup codes,unlock code,mfa code,device code,code verifier,security answer,' +
    'client assertion,saml response,wallet seed,subscription key,function key,functions key,pin code,pass phrase,pass code,pass word,connection string'
  ).split(','),
);
/** Only as the last word: a `passenger` is none, and of a `pinCount` the count is told. */
const FURTHER_LAST = new Set(['pass', 'pw', 'pin', 'pins', 'bearer', 'sid', 'signature', 'sig']);
/** Only before `tokens`: `maxTokens` and `promptTokens` are counts. */
const HELD_TOKENS = new Set('access refresh auth api session id bearer device push personal reset csrf'.split(' '));
/** What passes or is authorised is as often counted or asked. */
const AUTH_PREFIXES = new Set(['x', 'http', 'basic', 'proxy', 'api', 'user']);
const COUNTED = new Set(['tokens', 'pass', 'auth', 'refresh']);
const NO_PASSWORDS = new Set('first second single boarding low high band by render'.split(' '));

/** `accessToken`, `ACCESS_TOKEN`, `access-token` and `access.token` are the same two words. */
function split(name: string): readonly string[] {
  return (
    name
      .slice(-LONGEST_NAME)
      .match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g)
      ?.map((word) => word.toLowerCase()) ?? []
  );
}

interface Verdict {
  readonly words: readonly string[];
  readonly firm: boolean;
  readonly further: boolean;
}

/** Names come again and again; where a caller makes new ones up, the old are forgotten. */
const MAX_REMEMBERED = 1_000;
const remembered = new Map<string, Verdict>();

function verdictOn(name: string): Verdict {
  const known = remembered.get(name);
  if (known !== undefined) return known;
  const words = split(name);
  const verdict = { words, firm: isFirm(words, undefined), further: isFurther(words, undefined) };
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  if (name.length <= LONGEST_NAME) remembered.set(name, verdict);
  return verdict;
}

/** Whether a value of this name is never kept, not even in the arguments of a dead letter. */
export function isSecretKey(name: string, value?: unknown): boolean {
  const { words, firm } = verdictOn(name);
  return firm && (value === undefined || isFirm(words, value));
}

/** Whether a value of this name is not shown in messages, logs, events, health reports and traces. */
export function isSecretName(name: string, value?: unknown): boolean {
  const { words, firm, further } = verdictOn(name);
  if ((!firm && !further) || typeof value === 'boolean' || value === null) return false;
  return value === undefined || isFirm(words, value) || isFurther(words, value);
}

function isFirm(words: readonly string[], value: unknown): boolean {
  const last = words.at(-1);
  if (last === undefined || FACTS.has(last)) return false;
  if (last === 'tokens') {
    const before = words.at(-2);
    return before === undefined ? !isCount(value) : HELD_TOKENS.has(before);
  }
  return words.some((word) => FIRM.test(word)) || hasPair(words, FIRM_PAIRS);
}

function isFurther(words: readonly string[], value: unknown): boolean {
  const last = words.at(-1);
  if (last === undefined || FACTS.has(last) || (COUNTED.has(last) && isCount(value))) return false;
  const before = words.at(-2);
  if (last === 'refresh') return before === undefined;
  if (last === 'auth') return before === undefined || AUTH_PREFIXES.has(before);
  if (FURTHER_LAST.has(last)) return before === undefined || !NO_PASSWORDS.has(before);
  // The algorithm's digits are no word: X-Hub-Signature-256.
  return words.some((word) => FURTHER.test(word)) || hasPair(words, FURTHER_PAIRS);
}

function hasPair(words: readonly string[], pairs: ReadonlySet<string>): boolean {
  return words.some((word, index) => pairs.has(`${word} ${words[index + 1]}`));
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value));
}
