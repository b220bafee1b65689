import { flag } from './flags.ts';

/** Flags of every command that talks to a server. */
export const connectionFlags = {
  address: flag.text('Address of the server: https://host:port, http://host:port or unix:///path. Also VAULT_ADDR.'),
  'agent-address': flag.text('Address of an agent, which goes before -address. Also VAULT_AGENT_ADDR.'),
  'ca-cert': flag.path('PEM file of CA certificates to check the server with. Also VAULT_CACERT.'),
  'ca-path': flag.path('Folder of PEM CA certificates. Also VAULT_CAPATH.'),
  'client-cert': flag.path('PEM certificate to show to the server. Also VAULT_CLIENT_CERT.'),
  'client-key': flag.path('PEM private key of -client-cert. Also VAULT_CLIENT_KEY.'),
  'disable-redirects': flag.boolean('Follow no redirect of the server. Also VAULT_DISABLE_REDIRECTS.'),
  header: flag.map('A further request header; names that begin with X-Vault- are refused.'),
  namespace: flag.text('The namespace. Also VAULT_NAMESPACE.', { aliases: ['ns'] }),
  'non-interactive': flag.boolean('Never ask on the terminal.'),
  'output-curl-string': flag.boolean('Print the request as a curl command instead of making it.'),
  'output-policy': flag.boolean('Print the policy that the request needs instead of making it.'),
  'policy-override': flag.boolean('Kept for old scripts: there are no policies that could be overridden.'),
  'tls-server-name': flag.text("The name expected in the server's certificate. Also VAULT_TLS_SERVER_NAME."),
  'tls-skip-verify': flag.boolean("Do not check the server's certificate. Unsafe. Also VAULT_SKIP_VERIFY."),
  'wrap-ttl': flag.text('Have the reply wrapped, for this long. Also VAULT_WRAP_TTL.', { value: 'duration' }),
};

export const formatFlag = {
  format: flag.text('Form of the output. Also VAULT_FORMAT.', { choices: ['table', 'json', 'yaml', 'raw'] }),
};

export const fieldFlag = {
  field: flag.text('Print this field alone, without a newline when it is piped.'),
};
