/** AWS Secrets Manager. Each write is made under a token that follows from the version it was made after: of two, one is told. */
import type {
  DescribeSecretCommandOutput,
  Filter,
  GetSecretValueCommandOutput,
  SecretListEntry,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { defined } from '../../lib/defined.ts';
import { contended } from '../contended.ts';
import {
  ProviderProblem,
  type Found,
  type ProviderClient,
  type Pushed,
  type Query,
  type Reference,
  type RemoteName,
} from '../contract.ts';
import { inTurns } from '../in-turns.ts';
import { namePattern } from '../name-pattern.ts';
import { selectedIn, selectedOf } from '../property.ts';
import { foreign, hasAll, textOf, without, written } from '../written.ts';
import type { AwsConfig } from './config.ts';
import { clientOptions, type KeySource } from './keys.ts';
import { named } from './problem.ts';
import { allPages, AwsSession, type Abort } from './session.ts';
import { secretsManagerMetadata, tagsToSet } from './metadata.ts';
import { isMarked, textsOf } from './tags.ts';

const FIRST_TOKEN = '00000000-0000-0000-0000-000000000001';
const GONE = 'ResourceNotFoundException';

/** As External Secrets Operator counts versions: the same from whoever looked at the same one. */
function tokenAfter(version: string): string {
  const next = ((BigInt(`0x${version.replaceAll('-', '')}`) + 1n) & ((1n << 128n) - 1n)).toString(16).padStart(32, '0');
  return next.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const bytesIn = ({ SecretBinary, SecretString = '' }: GetSecretValueCommandOutput): Uint8Array =>
  SecretBinary ?? Buffer.from(SecretString, 'utf8');

interface Held {
  readonly about: DescribeSecretCommandOutput;
  /** Undefined: it has no version yet. */
  readonly value: GetSecretValueCommandOutput | undefined;
}

type Content = { readonly SecretBinary: Uint8Array } | { readonly SecretString: string };

/** Throws `ProviderProblem` for bytes that are no text, where that is asked for. */
const content = (key: string, value: Uint8Array, format: 'binary' | 'string'): Content =>
  format === 'binary' ? { SecretBinary: value } : { SecretString: textOf(value, key) };

/** Within a request, whose conflicts are looked at again. */
interface Sending {
  readonly client: SecretsManagerClient;
  readonly abort: Abort;
}

const isConflict = (error: unknown): boolean => named(error, 'ResourceExistsException');

export class SecretsManager implements ProviderClient {
  readonly #config: AwsConfig;
  readonly #session: AwsSession<SecretsManagerClient>;

  constructor(config: AwsConfig, keys: KeySource | undefined) {
    this.#config = config;
    this.#session = new AwsSession(async () => {
      const { SecretsManagerClient: Client } = await import('@aws-sdk/client-secrets-manager');
      return new Client(clientOptions(config.region, keys));
    });
  }

  /** Any answer but a refusal of who asks: which secrets may be read, a store does not say. */
  async check(signal: AbortSignal): Promise<void> {
    await this.#session.ask('look up a secret that is not there', signal, async (client, abort) => {
      const { DescribeSecretCommand } = await import('@aws-sdk/client-secrets-manager');
      const SecretId = this.#id('lockstep-external-secrets-check');
      await client.send(new DescribeSecretCommand({ SecretId }), abort).catch((error: unknown) => {
        // A role that may read some secrets only is as it should be.
        if (!named(error, GONE, 'AccessDeniedException')) throw error;
      });
    });
  }

  async read(reference: Reference, signal: AbortSignal): Promise<Found<Uint8Array>> {
    const { key, metadata = false } = reference;
    if (metadata) {
      const about = await this.#about(key, signal);
      return about === undefined
        ? { found: false }
        : { found: true, value: selectedOf(textsOf(about.Tags), reference) };
    }
    const value = await this.#value(key, reference.version ?? '', signal);
    return value === undefined ? { found: false } : { found: true, value: selectedIn(bytesIn(value), reference) };
  }

  async find({ path = '', name, tags = {} }: Query, signal: AbortSignal): Promise<ReadonlyMap<string, Uint8Array>> {
    const matches = namePattern(name);
    const start = this.#id(path);
    const filters: Filter[] = Object.entries(tags).flatMap(([key, value]): Filter[] => [
      { Key: 'tag-key', Values: [key] },
      { Key: 'tag-value', Values: [value] },
    ]);
    if (start !== '') filters.push({ Key: 'name', Values: [start] });
    const listed = await this.#list(filters, signal);
    // A filter takes a key of one tag and a value of another, and names without regard to their case.
    const names = listed
      .filter(({ Tags }) => hasAll(textsOf(Tags), tags))
      .flatMap(({ Name = '' }) => (Name !== '' && Name.startsWith(start) && matches(Name) ? [Name] : []));
    const found = await inTurns(names, (each) => this.#valueOf(each, '', signal));
    return new Map(names.flatMap((each, at) => (found[at] === undefined ? [] : [[each, bytesIn(found[at])] as const])));
  }

  push(pushed: Pushed, signal: AbortSignal): Promise<void> {
    const { key } = pushed;
    return this.#session.ask(`write "${key}"`, signal, (client, abort) =>
      contended({ key, isConflict }, async () => {
        const held = await this.#held(key, signal);
        if (held === undefined) {
          await this.#create({ client, abort }, pushed);
          return;
        }
        if (!isMarked(held.about.Tags)) throw foreign(key);
        const before = held.value === undefined ? undefined : bytesIn(held.value);
        const next = written(pushed, before);
        // What was text stays text, for who else reads it.
        const was = held.value?.SecretString === undefined ? 'binary' : 'string';
        const { secretPushFormat = was } = secretsManagerMetadata(pushed.metadata);
        if (before === undefined || !Buffer.from(next).equals(before) || secretPushFormat !== was)
          await this.#put({ client, abort }, key, content(key, next, secretPushFormat), held.value);
        await this.#describe({ client, abort }, pushed, held.about);
      }),
    );
  }

  checkMetadata(metadata: unknown): void {
    secretsManagerMetadata(metadata);
  }

  remove(name: RemoteName, signal: AbortSignal): Promise<void> {
    const { key } = name;
    return this.#session.ask(`delete "${key}"`, signal, (client, abort) =>
      contended({ key, isConflict }, async () => {
        const about = await this.#about(key, signal);
        if (about === undefined || about.DeletedDate !== undefined || !isMarked(about.Tags)) return;
        const value = await this.#value(key, '', signal);
        const before = value === undefined ? undefined : bytesIn(value);
        const left = before === undefined ? undefined : without(name, before);
        if (left === undefined) await this.#delete({ client, abort }, key);
        else if (!Buffer.from(left).equals(before ?? left)) {
          const format = value?.SecretString === undefined ? 'binary' : 'string';
          await this.#put({ client, abort }, key, content(key, left, format), value);
        }
      }),
    );
  }

  close(): void {
    this.#session.close();
  }

  #id(key: string): string {
    return `${this.#config.prefix ?? ''}${key}`;
  }

  async #create({ client, abort }: Sending, pushed: Pushed): Promise<void> {
    const { CreateSecretCommand } = await import('@aws-sdk/client-secrets-manager');
    const { key, metadata } = pushed;
    const { tags, description, kmsKeyID, secretPushFormat = 'binary' } = secretsManagerMetadata(metadata);
    const input = {
      ...{ Name: this.#id(key), Tags: tagsToSet(tags), ClientRequestToken: FIRST_TOKEN },
      ...content(key, written(pushed, undefined), secretPushFormat),
      ...defined({ Description: description, KmsKeyId: kmsKeyID }),
    };
    await client.send(new CreateSecretCommand(input), abort);
  }

  /** Tags and description; under which key it is encrypted was decided when it was made. */
  async #describe({ client, abort }: Sending, { key, metadata }: Pushed, about: Held['about']): Promise<void> {
    const { tags, description } = secretsManagerMetadata(metadata);
    const { TagResourceCommand, UpdateSecretCommand } = await import('@aws-sdk/client-secrets-manager');
    const SecretId = this.#id(key);
    const Tags = tagsToSet(tags, about.Tags);
    if (Tags.length > 0) await client.send(new TagResourceCommand({ SecretId, Tags }), abort);
    if (description !== undefined && description !== (about.Description ?? ''))
      await client.send(new UpdateSecretCommand({ SecretId, Description: description }), abort);
  }

  async #put({ client, abort }: Sending, key: string, value: Content, before: Held['value']): Promise<void> {
    const { PutSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
    const token = before?.VersionId === undefined ? FIRST_TOKEN : tokenAfter(before.VersionId);
    const input = { SecretId: this.#id(key), ClientRequestToken: token, ...value };
    await client.send(new PutSecretValueCommand(input), abort);
  }

  async #delete({ client, abort }: Sending, key: string): Promise<void> {
    const { DeleteSecretCommand } = await import('@aws-sdk/client-secrets-manager');
    const { forceDeleteWithoutRecovery: force = false, recoveryWindowInDays: days = 0 } =
      this.#config.secretsManager ?? {};
    const how = {
      ...(force ? { ForceDeleteWithoutRecovery: true } : {}),
      ...(days > 0 ? { RecoveryWindowInDays: days } : {}),
    };
    const command = new DeleteSecretCommand({ SecretId: this.#id(key), ...how });
    await client.send(command, abort);
  }

  async #held(key: string, signal: AbortSignal): Promise<Held | undefined> {
    const about = await this.#about(key, signal);
    if (about?.DeletedDate !== undefined) {
      throw new ProviderProblem('unsuitable', `"${key}" is marked for deletion: restore it, or wait until it is gone`);
    }
    return about === undefined ? undefined : { about, value: await this.#value(key, '', signal) };
  }

  #about(key: string, signal: AbortSignal): Promise<DescribeSecretCommandOutput | undefined> {
    return this.#session.ask(`look up "${key}"`, signal, async (client, abort) => {
      const { DescribeSecretCommand } = await import('@aws-sdk/client-secrets-manager');
      const sent = client.send(new DescribeSecretCommand({ SecretId: this.#id(key) }), abort);
      return await orGone(sent);
    });
  }

  #value(key: string, version: string, signal: AbortSignal): Promise<GetSecretValueCommandOutput | undefined> {
    return this.#valueOf(this.#id(key), version, signal);
  }

  /** `uuid/…` is a version's id, all else a stage. */
  #valueOf(SecretId: string, version: string, signal: AbortSignal): Promise<GetSecretValueCommandOutput | undefined> {
    return this.#session.ask(`read "${SecretId}"`, signal, async (client, abort) => {
      const { GetSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
      const which = version.startsWith('uuid/')
        ? { VersionId: version.slice('uuid/'.length) }
        : version === ''
          ? {}
          : { VersionStage: version };
      return await orGone(client.send(new GetSecretValueCommand({ SecretId, ...which }), abort));
    });
  }

  #list(Filters: Filter[], signal: AbortSignal): Promise<readonly SecretListEntry[]> {
    return this.#session.ask('list secrets', signal, async (client, abort) => {
      const { ListSecretsCommand } = await import('@aws-sdk/client-secrets-manager');
      return allPages(async (which) => {
        const page = await client.send(new ListSecretsCommand({ Filters, MaxResults: 100, ...which }), abort);
        return { items: page.SecretList, next: page.NextToken };
      });
    });
  }
}

async function orGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (named(error, GONE)) return undefined;
    throw error;
  }
}
