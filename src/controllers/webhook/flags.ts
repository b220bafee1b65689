/** The flags of the webhook. */
import { fail } from '../../errors.ts';
import type { KubernetesApi } from '../../kube/api.ts';
import { ownNamespace } from '../../kube/in-cluster.ts';
import { durationMs } from '../../lib/duration.ts';
import type { Logger } from '../../lib/log.ts';
import type { Metrics } from '../../lib/metrics/metrics.ts';
import { WEBHOOK } from '../manifests.ts';
import { fromFolder, ownCertificate, type CertificateSource } from './certificate.ts';
import { openWebhook } from './server.ts';

export const WEBHOOK_USAGE = `\
  -webhook-addr=<address>              Where API servers ask about templates before they are stored (\`manifests -webhook\`). Default 0: not.
  -webhook-cert-dir=<folder>           tls.crt and tls.key to show there, looked at again and again. Default: made by itself, kept
                                       in a Secret, and told to API servers.
  -webhook-name=<name>                 Of that Secret, of the configuration and of the Service. Default "${WEBHOOK}".
  -webhook-namespace=<name>            Where they lie. Default that of the pod, or lockstep-system.
  -webhook-dns-names=<list>            By which it is reached, with commas between. Default <name>.<namespace>.svc.
  -webhook-check-interval=<duration>   Between two looks at the certificate. Default 5m.
`;

export const webhookFlags = {
  'webhook-addr': { type: 'string', default: '0' },
  'webhook-cert-dir': { type: 'string' },
  'webhook-name': { type: 'string', default: WEBHOOK },
  'webhook-namespace': { type: 'string' },
  'webhook-dns-names': { type: 'string' },
  'webhook-check-interval': { type: 'string', default: '5m' },
} as const;

interface WebhookValues {
  readonly 'in-cluster'?: boolean | undefined;
  readonly 'webhook-addr': string;
  readonly 'webhook-cert-dir'?: string | undefined;
  readonly 'webhook-name': string;
  readonly 'webhook-namespace'?: string | undefined;
  readonly 'webhook-dns-names'?: string | undefined;
  readonly 'webhook-check-interval': string;
}

interface Around {
  readonly api: KubernetesApi;
  readonly log: Logger;
  readonly metrics: Metrics;
}

const HOST = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9.:-]*[a-z0-9])?$/i;

function namesOf(list: string): readonly string[] {
  const names = list.split(',').map((each) => each.trim());
  const wrong = names.find((each) => !HOST.test(each));
  if (wrong === undefined) return names;
  throw fail('invalidConfig', `-webhook-dns-names: "${wrong}" is no name or address of a host`);
}

async function certificateOf(values: WebhookValues, api: KubernetesApi): Promise<CertificateSource> {
  const { 'webhook-cert-dir': folder, 'webhook-name': name } = values;
  if (folder !== undefined) return fromFolder(folder);
  const here = values['in-cluster'] === true ? await ownNamespace() : 'lockstep-system';
  const namespace = values['webhook-namespace'] ?? here;
  const names = namesOf(values['webhook-dns-names'] ?? `${name}.${namespace}.svc`);
  return ownCertificate(api, { at: { namespace, name }, names, now: Date.now });
}

/** Undefined where nobody asked for it. Throws `invalidConfig` or `listenFailed`. */
export async function webhookOf(
  values: WebhookValues,
  { api, log, metrics }: Around,
): Promise<AsyncDisposable | undefined> {
  const address = values['webhook-addr'];
  if (address === '0') return undefined;
  const interval = durationMs(values['webhook-check-interval'], 'webhook-check-interval');
  if (interval <= 0) throw fail('invalidConfig', '-webhook-check-interval is more than 0');
  const certificate = await certificateOf(values, api);
  return openWebhook({ address, certificate, interval, log, metrics });
}
