/** Service accounts of a cluster, and tokens of them: those that the API server makes, and what its own key could sign besides. */
import assert from 'node:assert/strict';
import { createSign } from 'node:crypto';
import type { KubernetesCluster } from './cluster.ts';

export interface ServiceAccountName {
  readonly namespace: string;
  readonly name: string;
}

/** Makes the object; gives it as the API server answers. */
export async function create(cluster: KubernetesCluster, path: string, object: object): Promise<unknown> {
  const answer = await cluster.ask('POST', path, object);
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

export const serviceAccounts = (namespace: string): string => `/api/v1/namespaces/${namespace}/serviceaccounts`;

/** The token ends with it. */
interface BoundObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** As the kubelet asks for one that it projects into a pod; no audience: for the API server itself. */
export async function projectedToken(
  cluster: KubernetesCluster,
  { namespace, name }: ServiceAccountName,
  audiences: readonly string[],
  boundObjectRef?: BoundObject,
): Promise<string> {
  const spec = { expirationSeconds: 3_600, audiences, boundObjectRef };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  const made = await create(cluster, `${serviceAccounts(namespace)}/${name}/token`, body);
  return (made as { readonly status: { readonly token: string } }).status.token;
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The parts of a token. */
export function partsOf(token: string) {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const read = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;
  return { header: read(header), claims: read(payload), signature };
}

/** The token with other claims or another header, signed by the cluster's own key. */
export function resigned(cluster: KubernetesCluster, token: string, claims: object = {}, header: object = {}): string {
  const parts = partsOf(token);
  const text = `${encoded({ ...parts.header, ...header })}.${encoded({ ...parts.claims, ...claims })}`;
  return `${text}.${createSign('sha256').update(text).sign(cluster.tokenSigningKey).toString('base64url')}`;
}
