import { formsOf, withoutKnownSecrets } from './known-secrets.js';
import { cleanNamedValues, type RedactionLevel } from './named-values.js';
import { REDACTED } from './redacted.js';
import { isSecretKey, isSecretName } from './secret-names.js';
import {
  isLabelledSecret,
  isNamedByItsNeighbour,
  isValueKey,
  partsOf,
  secretsIn,
  SHORTEST_SECRET_SOUGHT,
} from './secret-places.js';
import { BASIC, HEADER_LINE, isCredentials, SHAPES } from './secret-shapes.js';
import { cleanUrls } from './url-credentials.js';

/** Nearly every text holds none of these, and is let through at the price of one look. */
const HINT =
  /pass|pwd|pw|pin|phrase|mnemonic|secret|token|auth|key|cookie|cred|session|sid|sig|jwt|otp|cvv|cvc|ssn|iban|csrf|xsrf|hmac|refresh|code|connection|bearer|basic|:\/\/|eyJ|-----BEGIN|\\u00|[rs]k[-_]|gh[pousr]_|github_pat_|gl[a-z]{1,4}[-_]|gsk_|xai-|r8_|hf_|nvapi|pplx|npm_|pypi|rubygems|ATATT|xox|xapp|SG\.|SK|A(?:KIA|SIA|BIA|CCA)|AIza|ya29|GOCSPX|do[opr]_v1|dapi|hvs\.|shp|sq0|figd_|lin_api|sntry[su]_|dckr_|dp\.|hv[br]\.|NRAK|PMAK|pat-|mlsn\.|CFPAT|EZ[AT]K|pul-|dt0|sl\.|tvly-|lsv2_|(?:fw|re|sbp|ntn|phx|nfp|rpa|waka|jina)_|identified|thin:|@(?:tcp|unix)\(|ticket|verifier|answer|assertion|saml|seed|outlook\.|maker\.|whsec|hooks?\.|\/bot|:AA|-[pu] /i;

const MAX_JSON_DEPTH = 100;
/** Reading a megabyte of brackets takes longer than all patterns together. */
const MAX_JSON_LENGTH = 262_144;

/** Takes secrets out of texts, and remembers them: messages like to repeat what the arguments hold. */
export class TextRedactor {
  /**
   * @param known secret values of the same call, removed wherever the text repeats them
   * @param found is told what was taken out
   */
  constructor(
    private readonly level: RedactionLevel,
    private readonly known: Iterable<string> = [],
    private readonly found: (secret: string) => void = () => undefined,
  ) {}

  clean(text: string): string {
    // First of all: half of a secret, left by a pattern that took the other half, would not be known any more.
    let clean = this.withoutKnown(text);
    if (HINT.test(clean)) clean = this.cleanJson(clean) ?? this.cleanWords(clean);
    return clean;
  }

  private withoutKnown(text: string): string {
    let clean = withoutKnownSecrets(text);
    for (const secret of this.known) {
      if (secret.length < SHORTEST_SECRET_SOUGHT) continue;
      for (const form of formsOf(secret)) clean = clean.replaceAll(form, REDACTED);
    }
    return clean;
  }

  private cleanWords(text: string): string {
    const cut = (all: string, kept: string): string => this.cut(all, kept);
    let clean = text.replace(HEADER_LINE, cut);
    clean = cleanNamedValues(clean, this.level, cut);
    clean = cleanUrls(clean, cut);
    for (const shape of SHAPES) clean = clean.replace(shape, cut);
    return clean.replace(BASIC, (all, kept: string, code: string) => (isCredentials(code) ? this.cut(all, kept) : all));
  }

  private cut(all: string, kept: string): string {
    const secret = all.slice(kept.length).replace(/^["']|["']$/g, '');
    if (secret === '' || secret.startsWith(REDACTED)) return all;
    for (const part of partsOf(secret)) this.found(part);
    return `${kept}${REDACTED}`;
  }

  /** Text that is JSON as a whole is read as such: no pattern knows where a list of tokens ends. */
  private cleanJson(text: string): string | undefined {
    if (text.length > MAX_JSON_LENGTH || !/^\s*[[{"]/.test(text)) return undefined;
    try {
      const value: unknown = JSON.parse(text);
      const clean = this.cleanValue(value, 0);
      return JSON.stringify(clean) === JSON.stringify(value) ? text : JSON.stringify(clean);
    } catch {
      return undefined;
    }
  }

  /** A copy of plain data. */
  cleanValue(value: unknown, depth = 0): unknown {
    if (typeof value === 'string') return this.clean(value);
    if (typeof value !== 'object' || value === null) return value;
    if (depth > MAX_JSON_DEPTH) return REDACTED;
    if (Array.isArray(value)) {
      return value.map((item: unknown, index) =>
        isNamedByItsNeighbour(value, index) ? this.hide(item) : this.cleanValue(item, depth + 1),
      );
    }
    const labelled = isLabelledSecret(value);
    return Object.fromEntries(
      Object.entries(value).map(([key, item]: [string, unknown]) => [
        this.clean(key),
        this.isSecret(key, item) || (labelled && isValueKey(key)) ? this.hide(item) : this.cleanValue(item, depth + 1),
      ]),
    );
  }

  private isSecret(key: string, value: unknown): boolean {
    return this.level === 'firm' ? isSecretKey(key, value) : isSecretName(key, value);
  }

  private hide(value: unknown): string {
    for (const secret of secretsIn(value)) this.found(secret);
    return REDACTED;
  }
}
