import type { Link } from '../link.js';
import { family } from './family.js';

const codeOf = ({ code }: Link): string | undefined => (typeof code === 'string' ? code : undefined);

export const TLS = family({
  name: 'TLS',
  shape:
    '`code`. The server could not prove who it is, or did not accept our certificate: it will not next time either, and for nobody',
  sources: [
    'https://nodejs.org/api/tls.html#x509-certificate-error-codes',
    'https://nodejs.org/api/errors.html#err_tls_cert_altname_invalid',
  ],
  keysOf: (link) => [codeOf(link)],
  rows: {
    auth: `CERT_CHAIN_TOO_LONG CERT_HAS_EXPIRED CERT_NOT_YET_VALID CERT_REJECTED CERT_REVOKED CERT_SIGNATURE_FAILURE CERT_UNTRUSTED
      CRL_HAS_EXPIRED CRL_NOT_YET_VALID CRL_SIGNATURE_FAILURE DEPTH_ZERO_SELF_SIGNED_CERT ERROR_IN_CERT_NOT_AFTER_FIELD
      ERROR_IN_CERT_NOT_BEFORE_FIELD ERROR_IN_CRL_LAST_UPDATE_FIELD ERROR_IN_CRL_NEXT_UPDATE_FIELD HOSTNAME_MISMATCH INVALID_CA
      INVALID_PURPOSE PATH_LENGTH_EXCEEDED SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY
      UNABLE_TO_DECRYPT_CERT_SIGNATURE UNABLE_TO_DECRYPT_CRL_SIGNATURE UNABLE_TO_GET_CRL UNABLE_TO_GET_ISSUER_CERT
      UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE ERR_TLS_CERT_ALTNAME_INVALID ERR_TLS_CERT_ALTNAME_FORMAT
      ERR_TLS_INVALID_PROTOCOL_VERSION ERR_TLS_PROTOCOL_VERSION_CONFLICT ERR_SSL_WRONG_VERSION_NUMBER ERR_SSL_UNSUPPORTED_PROTOCOL
      ERR_SSL_NO_PROTOCOLS_AVAILABLE ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION ERR_SSL_TLSV1_ALERT_UNKNOWN_CA
      ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED
      ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE`,
    timeout: 'ERR_TLS_HANDSHAKE_TIMEOUT',
  },
});

export const HTTP_CLIENTS = family({
  name: 'HTTP clients',
  shape:
    '`code` of axios, got, undici; `type` of node-fetch’s `FetchError`; `timeout` beside `ECONNABORTED` of superagent',
  sources: [
    'https://github.com/axios/axios#error-types',
    'https://github.com/sindresorhus/got/blob/main/documentation/8-errors.md',
    'https://github.com/nodejs/undici/blob/main/docs/docs/api/Errors.md',
    'https://github.com/node-fetch/node-fetch/blob/main/docs/ERROR-HANDLING.md',
    'https://github.com/ladjs/superagent/blob/master/docs/index.md#timeouts',
  ],
  keysOf: (link) => {
    const code = codeOf(link);
    if (link.name === 'FetchError') return [link.text('type')];
    if (code === 'ECONNABORTED') return [link.name === 'AxiosError' || link.has('timeout') ? 'timed-out' : undefined];
    if (code?.startsWith('HPE_') === true) return ['HPE_*'];
    return code?.startsWith('UND_ERR_') === true ? [code, 'UND_ERR_*'] : [code];
  },
  rows: {
    network: 'ERR_NETWORK ERR_READING_RESPONSE_STREAM ERR_UPLOAD HPE_* UND_ERR_*',
    timeout: `UND_ERR_CONNECT_TIMEOUT UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT ESOCKETTIMEDOUT timed-out request-timeout
      body-timeout`,
    abort: 'UND_ERR_ABORTED ERR_CANCELED ERR_ABORTED ABORT_ERR aborted',
    server_error: 'ERR_BAD_RESPONSE',
    invalid_output:
      'ERR_BODY_PARSE_FAILURE invalid-json UND_ERR_HEADERS_OVERFLOW UND_ERR_RES_EXCEEDED_MAX_SIZE max-size',
    bad_request: `ERR_BAD_REQUEST ERR_BAD_OPTION ERR_BAD_OPTION_VALUE ERR_INVALID_URL ERR_UNSUPPORTED_PROTOCOL ERR_FR_TOO_MANY_REDIRECTS
      ERR_TOO_MANY_REDIRECTS max-redirect no-redirect invalid-redirect unsupported-redirect UND_ERR_INVALID_ARG UND_ERR_NOT_SUPPORTED
      UND_ERR_REQ_CONTENT_LENGTH_MISMATCH`,
  },
});

export const NODE = family({
  name: 'Node.js',
  shape: '`code`',
  sources: ['https://nodejs.org/api/errors.html#common-system-errors', 'https://nodejs.org/api/dns.html#error-codes'],
  keysOf: (link) => [codeOf(link)],
  rows: {
    network: `ECONNRESET ECONNREFUSED ECONNABORTED ENOTFOUND EAI_AGAIN EAI_FAIL EAI_NODATA EAI_NONAME EPIPE EPROTO EHOSTUNREACH EHOSTDOWN
      ENETUNREACH ENETDOWN ENETRESET ENOTCONN ENODATA ESERVFAIL EREFUSED ECONNECTION ESOCKET ERR_STREAM_PREMATURE_CLOSE
      ERR_SOCKET_CLOSED ERR_HTTP2_STREAM_ERROR ERR_HTTP2_SESSION_ERROR ERR_HTTP2_INVALID_SESSION ERR_HTTP2_GOAWAY_SESSION`,
    timeout: 'ETIMEDOUT ETIMEOUT ETIME ERR_SOCKET_CONNECTION_TIMEOUT ERR_HTTP_REQUEST_TIMEOUT',
    resource: 'EMFILE ENFILE ENOMEM ENOSPC EDQUOT EAGAIN EADDRNOTAVAIL ERR_WORKER_OUT_OF_MEMORY',
  },
});

export const NAMES = family({
  name: 'Names',
  shape: '`name`',
  sources: [
    'https://webidl.spec.whatwg.org/#idl-DOMException-error-names',
    'https://github.com/sindresorhus/ky#errors',
  ],
  keysOf: ({ name }) => [name],
  rows: {
    abort: 'AbortError CanceledError ResponseAborted',
    timeout:
      'TimeoutError ReadTimeoutError ConnectTimeoutError HeadersTimeoutError BodyTimeoutError APIConnectionTimeoutError',
    network: 'APIConnectionError',
  },
});
