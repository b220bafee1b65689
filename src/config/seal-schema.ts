/** The `seal` blocks: Vault's and OpenBao's names. */
import { key } from './kinds.ts';
import { ignored, many, type Read } from './schema.ts';

/** Of every seal. */
const common = {
  name: key.text('Tells it from others, in status and log; by default its type. Keep it: what it wrapped goes by it.'),
  priority: key.integer('Of several, the one with the smallest number is asked first.', { default: 1 }),
  disabled: key.boolean('It was in use: there to migrate away from, not to unseal or to wrap.', { default: false }),
};

const variants = {
  shamir: { ...common },
  static: {
    ...common,
    current_key_id: key.text('Name of the key in use; it changes whenever the key does.', { required: true }),
    current_key: key.keySource('32 bytes: `file:///path`, `env://VARIABLE`, or base64 or hex.', { required: true }),
    previous_key_id: key.text('Name of the key that was in use before.'),
    previous_key: key.keySource('The key that was in use before.'),
  },
  transit: {
    ...common,
    address: key.url('Of the other server: `https://kms.example:8200`.', { required: true }),
    token: key.keySource('Its token: `file:///path`, `env://VARIABLE`, or the token itself.', { required: true }),
    key_name: key.text('The key of its transit engine.', { required: true }),
    mount_path: key.text('Of its transit engine.', { default: 'transit/' }),
    namespace: key.text('Of its transit engine.', { default: '' }),
    disable_renewal: key.boolean('Leave the token to somebody else, such as an agent.', { default: false }),
    tls_ca_cert: key.path('PEM file of the authorities to trust; none, the built-in ones.'),
    tls_client_cert: key.path('PEM file of the client certificate.'),
    tls_client_key: key.path('PEM file of its key.'),
    tls_server_name: key.text('The name that its certificate is checked for.'),
    tls_skip_verify: key.boolean("Do not check the server's certificate. Unsafe.", { default: false }),
    key_id_prefix: ignored('what is stored names the version of the key'),
  },
  awskms: {
    ...common,
    kms_key_id: key.text('Id, ARN or alias of the key; VAULT_AWSKMS_SEAL_KEY_ID goes before it.'),
    region: key.text('AWS_REGION and AWS_DEFAULT_REGION go before it; by default `us-east-1`.'),
    access_key: key.keySource(
      "By default AWS_ACCESS_KEY_ID, or what AWS's own chain finds: a profile, a web identity, the machine's role.",
    ),
    secret_key: key.keySource('Belongs to `access_key`; by default AWS_SECRET_ACCESS_KEY.'),
    session_token: key.keySource('Belongs to `access_key`; by default AWS_SESSION_TOKEN.'),
    endpoint: key.endpoint('Of the service, if it is another than the public one; AWS_KMS_ENDPOINT goes before it.'),
    shared_creds_filename: ignored("AWS's own chain finds the file: AWS_SHARED_CREDENTIALS_FILE"),
    shared_creds_profile: ignored("AWS's own chain finds the profile: AWS_PROFILE"),
    disallow_env_vars: ignored('what the block says of credentials goes before the environment'),
  },
} as const;

export type GivenSeal = Read<{ readonly seal: ReturnType<typeof blocks> }>['seal'][number];

function blocks() {
  return many(
    'What protects the unseal key; can be repeated: then any one unseals. Without it, people bring Shamir shares.',
    variants,
    (value) => {
      if (value.priority < 1) return '`priority` must be 1 or more';
      if (value.type !== 'static') return undefined;
      if ((value.previous_key === undefined) !== (value.previous_key_id === undefined)) {
        return '`previous_key` and `previous_key_id` go together';
      }
      return value.previous_key_id === value.current_key_id
        ? '`previous_key_id` must differ from `current_key_id`'
        : undefined;
    },
  );
}

export const seal = blocks();
