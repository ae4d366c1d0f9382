/**
 * Every repetition before a mark that must follow has a limit: the texts come from callers, who may wish to keep us busy.
 * The first group of each pattern stays, so that a message keeps its sense; the rest goes.
 */
const PREFIXES = [
  // JSON Web Tokens
  String.raw`eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?`,
  // OpenAI, Anthropic, OpenRouter, DeepSeek; Stripe; Groq, xAI, Replicate, Hugging Face, NVIDIA, Perplexity
  String.raw`sk-[\w-]{16,}|(?:sk|rk)_(?:live|test|prod)_\w{8,}|whsec_[\w+/=-]{8,}`,
  String.raw`gsk_\w{16,}|xai-[\w-]{16,}|r8_\w{16,}|hf_[A-Za-z0-9]{16,}|nvapi-[\w-]{16,}|pplx-\w{16,}`,
  // GitHub, GitLab, npm, PyPI, RubyGems, Atlassian
  String.raw`gh[pousr]_\w{16,}|github_pat_\w{16,}|gl(?:pat|dt|ptt|rt|cbt|ft|soat)-[\w-]{10,}|npm_[A-Za-z0-9]{16,}`,
  String.raw`pypi-[\w-]{16,}|rubygems_[0-9a-f]{16,}|ATATT3x[\w=-]{16,}`,
  // Slack, SendGrid, Mailgun, Twilio, Telegram
  String.raw`xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}|SG\.[\w-]{10,}\.[\w-]{10,}|key-[0-9a-f]{32}|SK[0-9a-f]{32}|\d{6,12}:AA[\w-]{30,}`,
  // AWS, Google, Azure, DigitalOcean, Databricks, Vault, Grafana, Shopify, Square, Figma, Linear, Sentry
  String.raw`A(?:KIA|SIA|BIA|CCA)[0-9A-Z]{12,}|AIza[\w-]{30,}|ya29\.[\w.-]{10,}|GOCSPX-[\w-]{10,}|do[opr]_v1_[0-9a-f]{16,}`,
  String.raw`dapi[0-9a-f]{32}|hvs\.[\w-]{16,}|gl(?:sa|c)_[\w+/=]{16,}|shp(?:at|ss|ca|pa)_[0-9a-f]{16,}|sq0[a-z]{3}-[\w-]{16,}`,
  String.raw`figd_[\w-]{16,}|lin_api_\w{16,}|sntry[su]_[\w+/=]{16,}`,
  // Docker, Doppler, Tailscale, Vault, New Relic, Postman, HubSpot, Supabase, MailerSend, Contentful, EasyPost, Brevo, Pulumi, Dynatrace, age
  String.raw`dckr_(?:pat|oat)_[\w-]{16,}|dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{16,}|tskey-[a-z]{2,12}-[\w-]{10,}|hv[br]\.[\w-]{16,}`,
  String.raw`NRAK-\w{16,}|PMAK-[\w-]{16,}|pat-(?:na|eu|ap)\d-[\w-]{16,}|sb_secret_[\w-]{16,}|mlsn\.\w{16,}|CFPAT-[\w-]{16,}|EZ[AT]K\w{24,}`,
  String.raw`xkeysib-[\w-]{16,}|pul-\w{32,}|dt0[a-z]\d\d\.[\w.]{16,}|AGE-SECRET-KEY-1[0-9A-Z]{16,}|sl\.[\w-]{60,}`,
  // Tavily, Cerebras, LangSmith; and what begins like a word and must look like chance: Fireworks, Resend, Pinecone, Jina, Notion and others
  String.raw`tvly-[\w-]{16,}|csk-\w{24,}|lsv2_(?:pt|sk)_\w{16,}`,
  String.raw`(?:fw|re|pcsk|jina|sbp|ntn|phx|nfp|rpa|waka)_(?=[A-Za-z_]{0,64}\d)\w{24,}`,
];

export const SHAPES: readonly RegExp[] = [
  /(-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----)(?:(?!-----END)[^])*/g,
  /(\bbearer\s{1,8})[\w.~+/=-]{8,}/gi,
  // Web hooks: whoever knows the address may send.
  /(\bhooks\.slack\.com\/(?:services|workflows|triggers)\/)[\w/-]{8,}/gi,
  /(\bdiscord(?:app)?\.com\/api\/(?:v\d+\/)?webhooks\/\d{1,25}\/)[\w-]{8,}/gi,
  /(\b(?:webhook|outlook)\.office(?:365)?\.com\/webhook(?:b2)?\/)[\w@/-]{8,}/gi,
  /(\bhooks\.zapier\.com\/hooks\/catch\/\d{1,25}\/)[\w-]{4,}/gi,
  /(\bmaker\.ifttt\.com\/trigger\/[\w-]{1,128}\/(?:json\/)?with\/key\/)[\w-]{8,}/gi,
  /(\/bot)\d{5,14}:[\w-]{8,}/g,
  // Programs that take a password behind -p, and curl with a user and password.
  /(\b(?:mysql\w{0,12}|mariadb[\w-]{0,12}|sshpass|mongo\w{0,8}|login|ldap\w{0,8})\b[^\r\n]{0,200}?\s-p\s{0,2})[^\s"']{3,}/gi,
  /(\s-p\s{1,2})(?=[^\s/.:]{0,64}\d)(?=[^\s/.:]{0,64}[a-z])[^\s/.:]{8,}(?=\s|$)/gi,
  /(\bredis-cli\b[^\r\n]{0,200}?\s(?:-a|--pass)\s{1,2})[^\s"']{3,}/gi,
  // Settings and statements that have no sign between a name and its value.
  /(\b(?:requirepass|masterauth)\s{1,8})[^\s]{3,}/gi,
  /(\blogin\s{1,8}\S{1,128}\s{1,8}password\s{1,8})\S+/gi,
  /(\b(?:identified\s{1,8}(?:with\s{1,8}[\w"'`]{1,64}\s{1,8})?(?:by|as)|password)\s{0,8}\(?\s{0,8}')[^'\s]+(?=')/gi,
  /(\bsec-websocket-protocol\b[^\r\n]{0,64}?\bbearer\s{0,8},\s{0,8})[\w.~+/=-]{8,}/gi,
  // Oracle's data source names.
  /(\bthin:[^\s/@]{1,64}\/)[^\s@]{1,128}(?=@)/gi,
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
