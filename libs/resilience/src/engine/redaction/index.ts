export { neverShow, neverShowPasswordOf, withoutKnownSecrets } from './known-secrets.js';
export { redactedStack, redactText, redactValue } from './redact.js';
export { isSecretName } from './secret-names.js';
