/** No answer of the API came back: nobody listens, the network cut, TLS failed, or something else answered. */
export class ConnectionError extends Error {
  /** Of Node or OpenSSL (`ECONNREFUSED`, `CERT_HAS_EXPIRED`), or one of ours (`TIMEOUT`, `TOO_LARGE`, `NOT_JSON`). */
  readonly code: string;
  /** Whether trying again can help. */
  readonly transient: boolean;
  /** Whether the server may have received the request; then a write's outcome is unknown. */
  readonly sent: boolean;

  constructor(message: string, details: { code: string; transient: boolean; sent: boolean }, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConnectionError';
    this.code = details.code;
    this.transient = details.transient;
    this.sent = details.sent;
  }
}

const transientCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
]);

const unknownCa =
  'its certificate is not signed by a CA that is known here: name the CA file with -ca-cert or VAULT_CACERT';
const plainOnTls = 'it answered plain HTTP on an https:// address: use http:// in the address, or TLS on the listener';
const cut = 'the connection was cut before the whole answer had come';
const cutOnPlain = `${cut}; if the server expects TLS, use https:// in the address`;
const tlsOnPlain = 'it does not answer in HTTP; it probably expects TLS: use https:// in the address';

/** What was wrong and what to do, by the code of Node, its HTTP parser or OpenSSL. */
const explanations: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: is a server running there? Set the address with -address or VAULT_ADDR',
  ECONNRESET: cut,
  EPIPE: 'the connection was cut before the whole request was sent',
  ETIMEDOUT: 'no answer to the connection attempt: is the address right and the network open?',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ENOTFOUND: 'the host name is unknown: check the address (-address or VAULT_ADDR)',
  EAI_AGAIN: 'the host name could not be looked up: the name server does not answer',
  ENOENT: 'there is no such socket: is a server listening on it?',
  EACCES: 'no permission to use that socket',
  EPROTO: plainOnTls,
  ERR_SSL_WRONG_VERSION_NUMBER: plainOnTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: plainOnTls,
  ERR_SSL_HTTP_REQUEST: plainOnTls,
  HPE_INVALID_CONSTANT: tlsOnPlain,
  HPE_INVALID_VERSION: tlsOnPlain,
  HPE_INVALID_METHOD: tlsOnPlain,
  HPE_HEADER_OVERFLOW: 'its answer has headers that are too long',
  INVALID_PURPOSE:
    'its certificate is not allowed for TLS servers: the key usage lacks digitalSignature or the extended key usage ' +
    'lacks serverAuth. Go programs do not look at the former, Node does: issue it again with ' +
    'keyUsage = digitalSignature, keyEncipherment and extendedKeyUsage = serverAuth',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownCa,
  UNABLE_TO_GET_ISSUER_CERT: unknownCa,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownCa,
  SELF_SIGNED_CERT_IN_CHAIN: unknownCa,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownCa,
  CERT_SIGNATURE_FAILURE: unknownCa,
  CERT_HAS_EXPIRED: 'its certificate has expired: renew it (or mend the clock of this machine)',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: compare the clocks of both machines',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'its certificate is for other names: use one of them in the address, or name the expected one with -tls-server-name',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a client certificate: give -client-cert and -client-key',
  ERR_SSL_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not know the CA of our client certificate',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not know the CA of our client certificate',
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: 'the client key does not belong to the client certificate',
};

/** Turns a socket, parser or TLS error into one that names the address and the remedy. */
export function explainConnection(cause: unknown, address: string, sent: boolean): ConnectionError {
  if (cause instanceof ConnectionError) return cause;
  const code = codeOf(cause);
  const cutPlain = code === 'ECONNRESET' && address.startsWith('http://');
  const known = cutPlain ? cutOnPlain : explanations[code];
  const reason = known ?? (cause instanceof Error ? cause.message : 'the connection failed');
  return new ConnectionError(`${address}: ${reason}`, { code, transient: transientCodes.has(code), sent }, { cause });
}

function codeOf(cause: unknown): string {
  // Happy eyeballs: one error for each address tried, in an AggregateError that carries the first one's code.
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return 'UNKNOWN';
}
