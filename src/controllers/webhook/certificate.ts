/**
 * What the webhook shows: files that somebody mounts, or a certificate of its own making, kept in a Secret so that several
 * controllers show the same, and told to the API server by the `caBundle` of their configuration.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../errors.ts';
import type { KubernetesApi } from '../../kube/api.ts';
import { coreKind, Objects, type Kind, type KubernetesObject, type ObjectKey } from '../../kube/objects.ts';
import { isConflict, KubernetesProblem } from '../../kube/problem.ts';
import type { ServingCertificate } from '../../lib/crypto/serving-certificate.ts';
import { errorCode } from '../../lib/error-code.ts';

/** PEM. */
export interface Shown {
  readonly cert: string;
  readonly key: string;
}

/** Asked again and again. Rejects with what stands in the way; then what was shown before is shown further. */
export type CertificateSource = () => Promise<Shown>;

/** `tls.crt` and `tls.key`, as a Secret of the type `kubernetes.io/tls` is mounted. */
export const fromFolder =
  (folder: string): CertificateSource =>
  async () => {
    const read = async (name: string, label: string): Promise<string> => {
      const path = join(folder, name);
      try {
        const text = await readFile(path, 'utf8');
        // OpenSSL takes an empty text for no certificate, without a word: a file is empty while it is written.
        if (text.includes(`${label}-----`)) return text;
      } catch (error) {
        throw fail('invalidConfig', `-webhook-cert-dir: cannot read ${path} (${errorCode(error)})`, { cause: error });
      }
      throw fail('invalidConfig', `-webhook-cert-dir: ${path} holds no PEM ${label}`);
    };
    return { cert: await read('tls.crt', 'CERTIFICATE'), key: await read('tls.key', 'PRIVATE KEY') };
  };

interface Secret extends KubernetesObject {
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
  readonly type?: string;
}

interface Webhook {
  readonly name: string;
  readonly clientConfig?: { readonly caBundle?: string };
}

interface Configuration extends KubernetesObject {
  readonly webhooks?: readonly Webhook[];
}

export const configurationKind: Kind = {
  ...{ group: 'admissionregistration.k8s.io', version: 'v1', kind: 'ValidatingWebhookConfiguration' },
  ...{ plural: 'validatingwebhookconfigurations', namespaced: false },
};

/** Whose Secret it is: one of that name without this label is somebody's, and not overwritten. */
const OWN = { 'lockstep/webhook': 'certificate' };
const [[LABEL, MARK]] = Object.entries(OWN) as [[string, string]];

const FIELDS = { authorities: 'ca.crt', authorityKey: 'ca.key', certificate: 'tls.crt', key: 'tls.key' } as const;

function keptIn({ data = {} }: Secret): ServingCertificate {
  const text = (field: keyof typeof FIELDS): string =>
    Buffer.from(data[FIELDS[field]] ?? '', 'base64').toString('utf8');
  return {
    ...{ authorities: text('authorities'), authorityKey: text('authorityKey') },
    server: { certificate: text('certificate'), key: text('key') },
  };
}

function dataOf({ authorities, authorityKey, server }: ServingCertificate): Record<string, string> {
  const texts = { authorities, authorityKey, ...server };
  const fields = Object.keys(FIELDS) as (keyof typeof FIELDS)[];
  return Object.fromEntries(
    fields.map((field) => [FIELDS[field], Buffer.from(texts[field], 'utf8').toString('base64')]),
  );
}

export interface OwnCertificate {
  /** Of the Secret. Its name is also that of the configuration. */
  readonly at: ObjectKey;
  /** By which API servers reach it. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const TRIES = 5;

/** Again while others write the same at the same time: then there is less to be done, or nothing. */
async function uncontended<T>(what: string, work: () => Promise<T>): Promise<T> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
  throw new KubernetesProblem(`${what} is changed again and again by others`);
}

/** The one that all controllers show: whoever comes first makes it, the others take it. */
async function agreed(secrets: Objects<Secret>, { at, names, now }: OwnCertificate): Promise<ServingCertificate> {
  const { servingCertificate } = await import('../../lib/crypto/serving-certificate.ts');
  const which = `the Secret ${at.namespace}/${at.name}`;
  return uncontended(which, async () => {
    const secret = await secrets.get(at);
    if (secret !== undefined && secret.metadata.labels?.[LABEL] !== MARK) {
      const whose = `${which} was not made by this controller (label ${LABEL})`;
      throw new KubernetesProblem(`${whose}: remove it, or give another -webhook-name`);
    }
    const kept = secret === undefined ? undefined : keptIn(secret);
    const made = await servingCertificate(kept, { commonName: at.name, names, now: now() });
    if (made === kept) return kept;
    const data = dataOf(made);
    if (secret === undefined) await secrets.create({ metadata: { ...at, labels: OWN }, type: 'Opaque', data });
    else await secrets.replace({ ...secret, data });
    return made;
  });
}

/** Nothing is written where it says so already. */
function tell(configurations: Objects<Configuration>, name: string, authorities: string): Promise<void> {
  const which = `the ${configurationKind.kind} "${name}"`;
  return uncontended(which, async () => {
    const key = { namespace: '', name };
    const found = await configurations.get(key);
    if (found === undefined)
      throw new KubernetesProblem(
        `${which} is not there: apply what \`lockstep controller manifests -webhook\` prints`,
      );
    const caBundle = Buffer.from(authorities, 'utf8').toString('base64');
    const { webhooks = [], metadata } = found;
    if (webhooks.every(({ clientConfig }) => clientConfig?.caBundle === caBundle)) return;
    const told = webhooks.map((each) => ({ ...each, clientConfig: { ...each.clientConfig, caBundle } }));
    const { resourceVersion } = metadata;
    await configurations.patch(key, { metadata: { resourceVersion }, webhooks: told }, 'lockstep-webhook');
  });
}

/** Shown only once the API server trusts its authority: a new one is told before anybody shows what it issued. */
export function ownCertificate(api: KubernetesApi, own: OwnCertificate): CertificateSource {
  const secrets = new Objects<Secret>(api, coreKind('Secret', 'secrets'));
  const configurations = new Objects<Configuration>(api, configurationKind);
  return async () => {
    const { authorities, server } = await agreed(secrets, own);
    await tell(configurations, own.at.name, authorities);
    return { cert: server.certificate, key: server.key };
  };
}
