import { CliError, EXIT_CODES } from './exit-code.js';

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the host is unknown',
  EAI_AGAIN: 'the name service does not answer',
  ETIMEDOUT: 'no connection in time',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no way to its network',
  ECONNRESET: 'the connection broke before the answer was complete',
  EPIPE: 'the connection broke before the request was complete',
  EPROTO: 'it does not speak TLS there: is it http://?',
  HPE_INVALID_CONSTANT: 'it does not speak HTTP there: is it https://?',
};

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO/;

/** A network's error in words. An error of our own stays as it is. */
export function unreachable(error: unknown, { origin }: URL): CliError {
  if (error instanceof CliError) return error;
  const { code = '', message = '' } = error as { code?: string; message?: string };
  const reason = CERTIFICATE.test(code)
    ? `its certificate is not trusted (${code}); NODE_EXTRA_CA_CERTS names a file with further authorities`
    : `${REASONS[code] ?? message}${code && ` (${code})`}`;
  return new CliError(`${origin} cannot be reached: ${reason}`, EXIT_CODES.unreachable);
}
