/**
 * Every repetition before a mark that must follow has a limit: the texts come from callers, who may wish to keep us busy.
 * The first group of each pattern stays, so that a message keeps its sense; the rest goes.
 */
const PREFIXES = [
  // JSON Web Tokens
  String.raw`eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?`,
  // OpenAI, Anthropic, OpenRouter, DeepSeek; Stripe; Groq, xAI, Replicate, Hugging Face, NVIDIA, Perplexity
  String.raw`sk-[\w-]{16,}|(?:sk|rk)_(?:live|test)_\w{8,}|whsec_[\w+/=-]{8,}`,
  String.raw`gsk_\w{16,}|xai-[\w-]{16,}|r8_\w{16,}|hf_[A-Za-z0-9]{16,}|nvapi-[\w-]{16,}|pplx-\w{16,}`,
  // GitHub, GitLab, npm, PyPI, RubyGems, Atlassian
  String.raw`gh[pousr]_\w{16,}|github_pat_\w{16,}|gl(?:pat|dt|ptt|rt|cbt|ft|soat)-[\w-]{10,}|npm_[A-Za-z0-9]{16,}`,
  String.raw`pypi-[\w-]{16,}|rubygems_[0-9a-f]{16,}|ATATT3x[\w=-]{16,}`,
  // Slack, SendGrid, Mailgun, Twilio, Telegram
  String.raw`xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}|SG\.[\w-]{10,}\.[\w-]{10,}|key-[0-9a-f]{32}|SK[0-9a-f]{32}|\d{6,12}:AA[\w-]{30,}`,
  // AWS, Google, Azure, DigitalOcean, Databricks, Vault, Grafana, Shopify, Square, Figma, Linear, Sentry
  String.raw`A(?:KIA|SIA|BIA|CCA)[0-9A-Z]{12,}|AIza[\w-]{30,}|ya29\.[\w.-]{10,}|GOCSPX-[\w-]{10,}|do[opr]_v1_[0-9a-f]{16,}`,
  String.raw`dapi[0-9a-f]{32}|hvs\.[\w-]{16,}|gl(?:sa|c)_[\w+/=]{16,}|shp(?:at|ss|ca|pa)_[0-9a-f]{16,}|sq0[a-z]{3}-[\w-]{16,}`,
  String.raw`figd_[\w-]{16,}|lin_api_\w{16,}|sntrys_[\w+/=]{16,}`,
];

export const SHAPES: readonly RegExp[] = [
  /(-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----)(?:(?!-----END)[^])*/g,
  /(\bbearer\s{1,8})[\w.~+/=-]{8,}/gi,
  // Web hooks: whoever knows the address may send.
  /(\bhooks\.slack\.com\/(?:services|workflows|triggers)\/)[\w/-]{8,}/gi,
  /(\bdiscord(?:app)?\.com\/api\/(?:v\d+\/)?webhooks\/\d{1,25}\/)[\w-]{8,}/gi,
  /(\bwebhook\.office\.com\/webhookb2\/)[\w@/-]{8,}/gi,
  /(\/bot)\d{5,14}:[\w-]{8,}/g,
  // Programs that take a password behind -p, and curl with a user and password.
  /(\b(?:mysql\w{0,12}|mariadb[\w-]{0,12}|sshpass|mongo\w{0,8}|login|ldap\w{0,8})\b[^\r\n]{0,200}?\s-p\s{0,2})[^\s"']{3,}/gi,
  /(\s-p\s{1,2})(?=[^\s/.:]{0,64}\d)(?=[^\s/.:]{0,64}[a-z])[^\s/.:]{8,}(?=\s|$)/gi,
  /(\s(?:-u|--user)\s{1,2}["']?[^\s:"']{1,64}:)[^\s"']{3,}/g,
  new RegExp(`((?<![A-Za-z0-9]))(?:${PREFIXES.join('|')})`, 'g'),
];

/** `Authorization: ...` and cookies end with their line: a cookie has several parts, a digest several fields. */
export const HEADER_LINE = /(\b(?:authorization|cookie)\s{0,8}:\s{0,8})[^\s"'\\[{][^\r\n]*/gi;

export const BASIC = /(\bbasic\s{1,8})([\w+/=-]{8,})/gi;

/** `user:password` in base64; "basic subscription" is none. */
export function isCredentials(code: string): boolean {
  return /^[\x20-\x7e]*:[\x20-\x7e]*$/.test(Buffer.from(code, 'base64').toString('latin1'));
}
