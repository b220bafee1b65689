/** What a client of the API reads from the environment and from flags: Vault's variables and their LOCKSTEP_ twins. */
import { key } from './kinds.ts';

export const clientKeys = {
  address: key.endpoint("The server's URL, or unix:///path.", {
    default: 'https://127.0.0.1:8200',
    env: 'ADDR',
    flag: true,
  }),
  agent_address: key.endpoint('URL of an agent, or unix:///path; it goes before `address`.', {
    env: 'AGENT_ADDR',
    flag: true,
  }),
  token: key.secret('The token. Absent, it is read from `token_file`.', { env: 'TOKEN' }),
  source_token: key.secret('The token of the server that `operator import` copies from.', { env: 'SOURCE_TOKEN' }),
  ca_cert: key.path('CA certificates in PEM.', { env: 'CACERT', flag: true }),
  ca_cert_bytes: key.text('CA certificates in PEM, the text itself; goes before `ca_cert`.', { env: 'CACERT_BYTES' }),
  ca_path: key.path('A directory of CA certificates in PEM.', { env: 'CAPATH', flag: true }),
  client_cert: key.path('Client certificate in PEM.', { env: 'CLIENT_CERT', flag: true }),
  client_key: key.path('Its private key in PEM.', { env: 'CLIENT_KEY', flag: true }),
  tls_server_name: key.text("Name to check the server's certificate for.", { env: 'TLS_SERVER_NAME', flag: true }),
  tls_skip_verify: key.boolean("Do not check the server's certificate. Unsafe.", {
    default: false,
    env: 'SKIP_VERIFY',
    flag: true,
  }),
  disable_redirects: key.boolean('Follow no redirect of the server.', {
    default: false,
    env: 'DISABLE_REDIRECTS',
    flag: true,
  }),
  namespace: key.text('Namespace.', { default: '', env: 'NAMESPACE', flag: true }),
  format: key.oneOf(['table', 'json', 'yaml'])('Form of the output.', {
    default: 'table',
    env: 'FORMAT',
    flag: true,
  }),
  max_retries: key.count('How often a request that failed with 5xx is tried again.', {
    default: 2,
    env: 'MAX_RETRIES',
  }),
  timeout: key.duration('How long a request may take.', { default: 60, env: 'CLIENT_TIMEOUT' }),
  wrap_ttl: key.duration('Wrap replies for this long.', { env: 'WRAP_TTL', flag: true }),
  headers: key.text('More headers, as a JSON object.', { env: 'HEADERS' }),
  no_color: key.boolean('No colours in the output. Also NO_COLOR.', { default: false, env: 'CLI_NO_COLOR' }),
} as const;
