/** What a mount of the method keeps. */
import { BoundedMap } from '../../lib/bounded-map.ts';
import { ServerUnavailable } from '../../lib/outgoing/unavailable.ts';
import type { Compartment, MountView } from '../../framework/plugin.ts';
import { Outgoing } from '../../lib/outgoing/bounds.ts';
import { decodeRecord, encodeRecord, recordAt } from '../../lib/record.ts';
import type { Transaction } from '../../storage/store.ts';
import { callerOf } from './caller-identity.ts';
import {
  DEFAULT_CONFIG,
  DEFAULT_IDENTITY,
  NO_SECRETS,
  stsEndpointFor,
  type AwsConfig,
  type AwsSecrets,
  type IdentityConfig,
} from './config.ts';
import type { BoundPrincipal, Principal } from './principal.ts';
import type { SignedRequest } from './signed-request.ts';
import { lookedUp, type Named } from './unique-ids.ts';

const CONFIG = 'config/client';
const SECRETS = 'config/secrets';
const IDENTITY = 'config/identity';

/** Full ARNs of roles by their unique ids, which stay what they are. */
const MOST_KNOWN = 10_000;

/** One on each thread. */
export class AwsMount {
  readonly view: MountView;
  readonly #sts = new Outgoing({ message: 'AWS cannot be asked now: try again later' });
  readonly #iam = new Outgoing({ message: 'AWS IAM cannot be asked now: try again later' });
  readonly #arns = new BoundedMap<string, string>(MOST_KNOWN);

  constructor(view: MountView) {
    this.view = view;
  }

  get config(): AwsConfig {
    return this.view.shared.kept(CONFIG, decodeRecord<AwsConfig>) ?? DEFAULT_CONFIG;
  }

  get identity(): IdentityConfig {
    return this.view.shared.kept(IDENTITY, decodeRecord<IdentityConfig>) ?? DEFAULT_IDENTITY;
  }

  configIn(from: Pick<Compartment, 'get'>): AwsConfig | undefined {
    return recordAt<AwsConfig>(from, CONFIG);
  }

  secretsIn(from: Pick<Compartment, 'get'>): AwsSecrets {
    return recordAt<AwsSecrets>(from, SECRETS) ?? NO_SECRETS;
  }

  put(tx: Transaction, config: AwsConfig, secrets: AwsSecrets): void {
    tx.put(CONFIG, encodeRecord(config));
    tx.put(SECRETS, encodeRecord(secrets));
  }

  remove(tx: Transaction): void {
    tx.delete(CONFIG);
    tx.delete(SECRETS);
  }

  identityIn(from: Pick<Compartment, 'get'>): IdentityConfig {
    return recordAt<IdentityConfig>(from, IDENTITY) ?? DEFAULT_IDENTITY;
  }

  putIdentity(tx: Transaction, identity: IdentityConfig): void {
    tx.put(IDENTITY, encodeRecord(identity));
  }

  /** Whose signature it is. Rejects with `invalidCredentials`, `issuerUnreachable`. */
  caller(request: SignedRequest, signal: AbortSignal): Promise<Principal> {
    const endpoint = stsEndpointFor(this.config, request.region);
    // Who logs in may name the region: one that there is none of holds up nobody else.
    return this.#sts.run(() => callerOf(request, { endpoint, signal }), endpoint);
  }

  /** What IAM has under that name. Rejects with `issuerUnreachable`. */
  named(principal: BoundPrincipal, signal: AbortSignal): Promise<Named | undefined> {
    const { config } = this;
    const secrets = this.secretsIn(this.view.shared);
    return this.#iam.run(() => lookedUp(principal, { config, secrets, signal }));
  }

  /** With the path, which AWS does not tell of roles that were assumed. Rejects with `issuerUnreachable`. */
  async fullArn(principal: Principal, signal: AbortSignal): Promise<string> {
    const { kind, canonicalArn, uniqueId } = principal;
    if (kind === 'user') return canonicalArn;
    const known = this.#arns.get(uniqueId);
    if (known !== undefined) return known;
    const found = await this.named(principal, signal);
    if (found?.uniqueId !== uniqueId) throw new ServerUnavailable('IAM has another role under that name');
    this.#arns.set(uniqueId, found.arn);
    return found.arn;
  }
}
