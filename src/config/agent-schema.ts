/** The keys of an agent configuration: Vault Agent's names, and Lockstep's `secret` blocks. */
import { key } from './kinds.ts';
import { checkTls, tlsKeys } from './listener-schema.ts';
import { alias, ignored, ignoredAll, many, named, one, refused, refusedAll, section, settings } from './schema.ts';
import { logKeys } from './server-schema.ts';

const server = settings('The server to log in at.', {
  address: key.url('Its URL.', { default: 'https://127.0.0.1:8200', env: 'ADDR' }),
  ca_cert: key.path('CA certificates in PEM.', { env: 'CACERT' }),
  ca_path: key.path('A directory of CA certificates in PEM.', { env: 'CAPATH' }),
  client_cert: key.path('Client certificate in PEM.', { env: 'CLIENT_CERT' }),
  client_key: key.path('Its private key in PEM.', { env: 'CLIENT_KEY' }),
  tls_skip_verify: key.boolean("Do not check the server's certificate. Unsafe.", {
    default: false,
    env: 'SKIP_VERIFY',
  }),
  tls_server_name: key.text("Name to check the server's certificate for, instead of the URL's host.", {
    env: 'TLS_SERVER_NAME',
  }),
  namespace: key.text('Namespace.', { default: '', env: 'NAMESPACE' }),
  retry: settings('Requests that fail.', {
    num_retries: key.integer('How often a request is tried again; 0 is the default, -1 never.', { default: 12 }),
  }),
});

const methodKeys = {
  mount_path: key.text('Where the auth method is mounted; by default `auth/<type>`.'),
  namespace: key.text("Namespace of the auth method; by default the server's."),
  wrap_ttl: refused('the agent needs the token itself; wrap it in a sink'),
  min_backoff: key.duration('First pause after a failed login.', { default: 1 }),
  max_backoff: key.duration('Longest pause between failed logins.', { default: 300 }),
  exit_on_err: key.boolean('End after a failed login.', { default: false }),
} as const;

const method = one(
  'How the agent logs in.',
  {
    approle: {
      ...methodKeys,
      config: settings('Where role-id and secret-id come from.', {
        role_id_file_path: key.path('File with the role-id.', { required: true }),
        secret_id_file_path: key.path('File with the secret-id, or with the token that wraps it.'),
        remove_secret_id_file_after_reading: key.boolean('Remove the file once it is read.', { default: true }),
        secret_id_response_wrapping_path: key.text(
          'Path that the wrapped secret-id must come from, as `auth/approle/role/web/secret-id`.',
        ),
      }),
    },
    aws: {
      ...methodKeys,
      config: settings('Which role of the server logs in; AWS’s own chain finds the keys that sign.', {
        type: key.oneOf(['iam'])('How it logs in; ec2 is not offered.', { default: 'iam' }),
        role: key.text('The role to log in by.', { required: true }),
        region: key.text('Region of STS that is signed for; by default us-east-1, at the global address.'),
        header_value: key.text('For the header X-Vault-AWS-IAM-Server-ID, where the server wants it.'),
        ...refusedAll('keys of AWS do not belong into this file: give them as AWS’s own tools take them', [
          'access_key',
          'secret_key',
          'session_token',
        ]),
        credential_poll_interval: ignored('the keys are looked for at each login'),
        nonce: ignored('it belongs to logins of the type ec2'),
      }),
    },
    cert: {
      ...methodKeys,
      config: settings(
        'Which certificate logs in: for all connections of the agent, since tokens are renewed with it.',
        {
          name: key.text('The role to log in by; by default whichever the certificate fits.'),
          client_cert: key.path('Client certificate in PEM; by default that of `vault`.'),
          client_key: key.path('Its private key in PEM.'),
          ca_cert: key.path(
            "CA certificates in PEM that the server's is checked against; by default those of `vault`.",
          ),
          reload: ignored('new certificates are always noticed'),
        },
      ),
    },
    jwt: {
      ...methodKeys,
      config: settings('Where the token of the issuer comes from.', {
        path: key.path('File with the token; a new one in it is used at once.', { required: true }),
        role: key.text('The role to log in by; a CEL role is cel/NAME.', { required: true }),
        remove_jwt_after_reading: key.boolean('Remove the file once its token has logged in.', { default: true }),
        remove_jwt_follows_symlinks: key.boolean('Remove what a symbolic link leads to.', { default: false }),
      }),
    },
    kubernetes: {
      ...methodKeys,
      config: settings('Which token of the pod logs in.', {
        role: key.text('The role to log in by.', { required: true }),
        token_path: key.path('File with the projected token; a new one in it is used at once.', {
          default: '/var/run/secrets/kubernetes.io/serviceaccount/token',
        }),
      }),
    },
    spiffe: {
      ...methodKeys,
      config: settings('Where the SVID comes from: `path`, or `client_cert` with `client_key`.', {
        path: key.path('File with a JWT-SVID; a new one in it is used at once.'),
        client_cert: key.path('File with an X.509-SVID and what belongs to its chain, PEM; read again for each login.'),
        client_key: key.path('File with its private key, PEM.'),
        role: key.text('The role to log in by.', { required: true }),
      }),
    },
    token_file: {
      ...methodKeys,
      config: settings('Where the token comes from.', {
        token_file_path: key.path('File with a token that is not wrapped.', { required: true }),
      }),
    },
  },
  (method) => {
    if (method.min_backoff > method.max_backoff) return '`min_backoff` is longer than `max_backoff`';
    if (method.type !== 'spiffe') return undefined;
    const { path, client_cert, client_key } = method.config;
    const isCertificate = client_cert !== undefined && client_key !== undefined;
    const isOne = path === undefined ? isCertificate : client_cert === undefined && client_key === undefined;
    return isOne ? undefined : 'give `path` with a JWT-SVID, or both `client_cert` and `client_key`';
  },
);

const sink = many('Where the token is written after each login; can be repeated.', {
  file: {
    wrap_ttl: key.duration('Wrap the token for this long; absent, it is written as it is.'),
    // To ignore these would leave the token in clear where its owner asked for encryption.
    ...refusedAll('sinks are not encrypted', ['dh_type', 'dh_path', 'derive_key', 'aad', 'aad_env_var']),
    config: settings('The file.', {
      path: key.path('Its path.', { required: true }),
      mode: key.mode('Its permissions.', { default: 0o600 }),
      owner: key.owner('Its owner.'),
      uid: alias('owner'),
      group: key.owner('Its group.'),
      gid: alias('group'),
    }),
  },
});

const NO_WAIT = 'each change is rendered at once';

const secret = named('A secret that is kept in a file.', {
  labels: ['name'],
  many: true,
  keys: {
    path: key.text('API path, as `secret/data/app/db` for KV v2.', { required: true }),
    field: key.text('The one field that is written; absent, all of them.'),
    format: key.oneOf(['value', 'json', 'env'])(
      'The bare value of `field`, JSON, or lines `KEY=value`; by default the value with `field`, otherwise JSON.',
    ),
    destination: key.absolutePath('The file. It is replaced at once, never seen half written.', { required: true }),
    mode: key.mode('Its permissions.', { default: 0o400 }),
    perms: alias('mode'),
    user: key.owner('Its owner.'),
    group: key.owner('Its group.'),
    remove_after: key.duration('Remove the file this long after its secret was deleted; absent, the file is kept.'),
    command: key.command('Run after the file has changed: a list, or text for the shell.'),
    command_timeout: key.duration('How long the command may take.', { default: 30 }),
  },
  check: ({ format, field, path }) => {
    if (path.startsWith('/') || path.includes('//')) return '`path` is an API path without a leading or double /';
    return format === 'value' && field === undefined ? '`format = "value"` needs a `field`' : undefined;
  },
});

const templateKeys = {
  source: key.absolutePath('File with the template; or give `contents`.'),
  contents: key.text('The template itself.'),
  error_on_missing_key: key.boolean('Take a key that is not there for an error; otherwise `<no value>` is written.', {
    default: false,
  }),
  error_fatal: key.boolean('End when it cannot be rendered; by default only with `exit_after_auth`.'),
  left_delimiter: key.text('What begins an action.', { default: '{{' }),
  right_delimiter: key.text('What ends an action.', { default: '}}' }),
  sandbox_path: key.absolutePath('Directory that `file` reads from, and from nowhere else.'),
  function_denylist: key.list('Functions that it may not call; `*` stands for any text.', { default: [] }),
  wait: section('How long changes are gathered.', { min: ignored(NO_WAIT), max: ignored(NO_WAIT) }),
} as const;

const textProblem = ({
  source,
  contents,
}: {
  readonly source: string | undefined;
  readonly contents: string | undefined;
}) => ((source === undefined) === (contents === undefined) ? 'give `source` or `contents`' : undefined);

const template = named('A Go template that is kept in a file.', {
  labels: [],
  many: true,
  keys: {
    ...templateKeys,
    destination: key.absolutePath('The file. It is replaced at once, never seen half written.', { required: true }),
    create_dest_dirs: key.boolean('Make its directory where there is none.', { default: true }),
    perms: key.mode('Its permissions; by default those of the file that is there, or 0644.'),
    user: key.owner('Its owner.'),
    group: key.owner('Its group.'),
    backup: key.boolean('Keep the content before as `DESTINATION.bak`.', { default: false }),
    command: key.command('Run after the file has changed: a list, or text for the shell.'),
    command_timeout: key.duration('How long the command may take.', { default: 30 }),
    exec: section('Run after the file has changed; in place of `command`.', {
      command: key.command('A list, or text for the shell.', { required: true }),
      timeout: key.duration('How long the command may take.', { default: 30 }),
    }),
  },
  check: ({ source, contents, command, exec }) =>
    textProblem({ source, contents }) ??
    (command !== undefined && exec !== undefined ? 'give `command` or `exec`, not both' : undefined),
});

const envTemplate = named('A Go template whose output is a variable of the process that `exec` runs.', {
  labels: ['name'],
  many: true,
  keys: {
    ...templateKeys,
    ...refusedAll('a variable is not written to a file', [
      'destination',
      'perms',
      'user',
      'group',
      'backup',
      'create_dest_dirs',
    ]),
    ...refusedAll('`exec` is told of its changes', ['command', 'command_timeout', 'exec']),
  },
  check: ({ name, source, contents }) =>
    /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
      ? textProblem({ source, contents })
      : `"${name}" cannot be the name of a variable`,
});

const exec = section('The process that the agent runs, with the output of every `env_template` in its environment.', {
  command: key.command('A list, or text for the shell.', { required: true }),
  restart_on_secret_changes: key.oneOf(['always', 'never'])('Whether it is run anew once a variable has changed.', {
    default: 'always',
  }),
  restart_stop_signal: key.signal('What ends it before that.', { default: 'SIGTERM' }),
});

const templateConfig = settings('What all templates share.', {
  exit_on_retry_failure: key.boolean(
    'End when a secret of a template is not there or may not be read, or the server could not be asked for it `num_retries` times in a row.',
    { default: false },
  ),
  static_secret_render_interval: key.duration(
    'How often secrets are read again, though changes are pushed; `poll_interval` is another name for all that is kept.',
  ),
  max_connections_per_host: key.count('How many secrets are read at once; 0 is the default.', { default: 10 }),
  lease_renewal_threshold: key.fraction('Part of a lease after which its secret is read anew.', { default: 0.9 }),
  allowed_files: key.list('Files that `file` may read, and directories that they lie below.', { default: [] }),
  allowed_writes: key.list('Directories that `writeToFile` may write below.', { default: [] }),
  allowed_environment: key.list('Variables that `env` may read; `*` stands for any text.', { default: [] }),
});

const persistKeys = {
  path: key.path('Directory of the cache.', { required: true }),
  key_file: key.path(
    'File with a key of at least 32 bytes, on a volume in memory; by default the key is derived from a secret-id that stays in its file.',
  ),
  key_credential: key.text('Name of a systemd credential with the key, instead of `key_file`.'),
  stale_max: key.duration('How old a cached secret may be.', { default: 86_400 }),
  exit_on_err: key.boolean('End when the cache cannot be read.', { default: false }),
  keep_after_import: ignored('the cache is always kept'),
  service_account_token_file: ignored('the key comes from `key_file` or `key_credential`'),
} as const;
const persist = one(
  'The last known good secrets, encrypted, so that a restart can serve without the server.',
  { file: persistKeys, kubernetes: persistKeys },
  ({ key_file, key_credential }) => {
    if (key_file !== undefined && key_credential !== undefined) return 'give `key_file` or `key_credential`, not both';
    const simple = key_credential === undefined || /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/.test(key_credential);
    return simple ? undefined : '`key_credential` is a name without slashes';
  },
);

const listenerKeys = {
  role: ignored('the agent serves health and metrics only'),
  require_request_header: ignored('health and metrics carry no secret'),
  agent_api: ignored('the agent is ended by a signal'),
  ...ignoredAll('the agent takes no request bodies', ['max_request_size', 'max_request_duration']),
} as const;
const listener = many(
  'Where health and metrics are served; can be repeated.',
  {
    tcp: {
      address: key.address('Where to listen.', { default: { host: '127.0.0.1', port: 8100 } }),
      ...tlsKeys,
      ...listenerKeys,
    },
    unix: {
      address: key.absolutePath('Path of the socket.', { required: true }),
      socket_mode: key.mode('Permissions of the socket.', { default: 0o600 }),
      socket_user: key.owner('Owner of the socket.'),
      socket_group: key.owner('Group of the socket.'),
      tls_disable: ignored('sockets carry plain HTTP'),
      ...listenerKeys,
    },
  },
  (value) => (value.type === 'tcp' ? checkTls(value) : undefined),
);

export const agentKeys = {
  vault: server,
  lockstep: alias('vault'),
  auto_auth: section('Login, and what happens to the token.', {
    method,
    sink,
    enable_reauth_on_new_credentials: ignored('new credentials are always noticed'),
  }),
  secret,
  cache: section('What survives a restart.', {
    persist,
    use_auto_auth_token: ignored('the agent does not proxy requests'),
  }),
  listener,
  consumer: key.text('Name under which the agent acknowledges what it has put in place; by default the host name.'),
  poll_interval: key.duration(
    'How often secrets are read again, though changes are pushed; by default `static_secret_render_interval`, or 5 minutes.',
  ),
  failpoints: key.text('For tests: moments at which the process ends itself, as `agent.before-rename=kill@2`.', {
    env: 'FAILPOINTS',
  }),
  exit_after_auth: key.boolean('End once every sink and every secret is in place.', {
    default: false,
    flag: true,
  }),
  ...logKeys,
  template,
  env_template: envTemplate,
  exec,
  api_proxy: refused('the agent does not proxy requests: let the application ask the server, or render what it needs'),
  pki_external_ca: refused('the agent does not order certificates'),
  template_config: templateConfig,
  ...ignoredAll('connections are kept while they serve', ['disable_idle_connections', 'disable_keep_alives']),
  telemetry: ignored('metrics are served on the listeners'),
  disable_mlock: ignored('memory is not locked: keep swap off or encrypted'),
  ...ignoredAll('every method is built in', ['plugin_directory']),
} as const;
