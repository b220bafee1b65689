/** The programs of a control plane and what they are started with: an API server over a store of its own, on the loopback. */
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../../errors.ts';

export interface Programs {
  readonly etcd: string;
  readonly apiServer: string;
}

const REMEDY =
  'name a folder that holds etcd and kube-apiserver in KUBEBUILDER_ASSETS, as setup-envtest makes one; in a checkout with Go ' +
  '1.26, `npm run up -- --kubernetes` builds them once';

/** Rejects with `invalidConfig`, which says how to come by them. */
export async function programsIn(folder: string | undefined): Promise<Programs> {
  if (folder === undefined) throw fail('invalidConfig', `-kubernetes needs the programs of a control plane: ${REMEDY}`);
  const programs = { etcd: join(folder, 'etcd'), apiServer: join(folder, 'kube-apiserver') };
  for (const path of Object.values(programs)) {
    await access(path, constants.X_OK).catch(() => {
      throw fail('invalidConfig', `${path} is no program that can be run: ${REMEDY}`);
    });
  }
  return programs;
}

export interface Storing {
  readonly folder: string;
  readonly client: string;
  readonly peer: string;
}

/** Nothing is flushed: it lasts as long as what it was started for. */
export const storeArguments = ({ folder, client, peer }: Storing): readonly string[] => [
  `--listen-client-urls=${client}`,
  `--advertise-client-urls=${client}`,
  `--listen-peer-urls=${peer}`,
  `--initial-advertise-peer-urls=${peer}`,
  `--data-dir=${join(folder, 'etcd')}`,
  `--initial-cluster=default=${peer}`,
  '--unsafe-no-fsync',
  '--log-level=error',
];

export interface Serving {
  /** Its certificate is made there, as `apiserver.crt`. */
  readonly folder: string;
  /** `http://…`, of etcd. */
  readonly store: string;
  readonly port: number;
  readonly issuer: string;
  /** Paths of PEM files: whose tokens are taken, and what they are signed with. */
  readonly keys: readonly string[];
  readonly signingKey: string;
  /** Static tokens of administrators. */
  readonly tokens: string;
}

export const apiServerArguments = ({ folder, store, port, issuer, ...files }: Serving): readonly string[] => [
  `--etcd-servers=${store}`,
  // Without a certificate it makes an authority and one of its own there.
  `--cert-dir=${folder}`,
  `--secure-port=${String(port)}`,
  '--bind-address=127.0.0.1',
  '--advertise-address=127.0.0.1',
  '--endpoint-reconciler-type=none',
  '--authorization-mode=RBAC',
  `--token-auth-file=${files.tokens}`,
  `--service-account-issuer=${issuer}`,
  ...files.keys.map((key) => `--service-account-key-file=${key}`),
  `--service-account-signing-key-file=${files.signingKey}`,
  '--service-cluster-ip-range=10.0.0.0/24',
  '--allow-privileged',
];
