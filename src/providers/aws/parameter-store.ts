/** AWS Systems Manager Parameter Store. Its API has no check on writes: of two at once the later one stays. */
import type { Parameter, ParameterStringFilter, SSMClient, Tag } from '@aws-sdk/client-ssm';
import { defined } from '../../lib/defined.ts';
import { contended } from '../contended.ts';
import type { Found, ProviderClient, Pushed, Query, Reference, RemoteName } from '../contract.ts';
import { inTurns } from '../in-turns.ts';
import { namePattern } from '../name-pattern.ts';
import { selectedIn, selectedOf } from '../property.ts';
import { foreign, textOf, without, written } from '../written.ts';
import type { AwsConfig } from './config.ts';
import { clientOptions, type KeySource } from './keys.ts';
import { named } from './problem.ts';
import { allPages, AwsSession, type Abort } from './session.ts';
import { parameterStoreMetadata, tagsToSet } from './metadata.ts';
import { isMarked, textsOf } from './tags.ts';

type Given = Omit<ReturnType<typeof parameterStoreMetadata>, 'tags'>;

const GONE = ['ParameterNotFound', 'ParameterVersionNotFound'];

const bytesIn = ({ Value = '' }: Parameter): Uint8Array => Buffer.from(Value, 'utf8');

interface Sending {
  readonly client: SSMClient;
  readonly abort: Abort;
}

/** All of it but its name and value. `Type`: where the metadata name none. */
function putting({ secretType, kmsKeyID, tier = {}, description }: Given, Type: Parameter['Type']) {
  const type = secretType ?? Type;
  return {
    ...defined({ Type: type, Description: description, Tier: tier.type }),
    ...defined({
      KeyId: type === 'SecureString' ? kmsKeyID : undefined,
      Policies: tier.policies === undefined ? undefined : JSON.stringify(tier.policies),
    }),
  };
}

/** Somebody made it since it was looked for. */
const isConflict = (error: unknown): boolean => named(error, 'ParameterAlreadyExists');

export class ParameterStore implements ProviderClient {
  readonly #config: AwsConfig;
  readonly #session: AwsSession<SSMClient>;

  constructor(config: AwsConfig, keys: KeySource | undefined) {
    this.#config = config;
    this.#session = new AwsSession(async () => {
      const { SSMClient: Client } = await import('@aws-sdk/client-ssm');
      return new Client(clientOptions(config.region, keys));
    });
  }

  /** Any answer but a refusal of who asks: which parameters may be read, a store does not say. */
  async check(signal: AbortSignal): Promise<void> {
    await this.#session.ask('look up a parameter that is not there', signal, async (client, abort) => {
      const { GetParameterCommand } = await import('@aws-sdk/client-ssm');
      const Name = this.#id('lockstep-external-secrets-check');
      await client.send(new GetParameterCommand({ Name }), abort).catch((error: unknown) => {
        // A role that may read some parameters only is as it should be.
        if (!named(error, ...GONE, 'AccessDeniedException')) throw error;
      });
    });
  }

  async read(reference: Reference, signal: AbortSignal): Promise<Found<Uint8Array>> {
    const { key, version = '', metadata = false } = reference;
    const found = await this.#value(this.#id(key), version, signal);
    if (found === undefined) return { found: false };
    if (!metadata) return { found: true, value: selectedIn(bytesIn(found), reference) };
    return { found: true, value: selectedOf(textsOf(await this.#tags(key, signal)), reference) };
  }

  async find({ path = '', name, tags }: Query, signal: AbortSignal): Promise<ReadonlyMap<string, Uint8Array>> {
    const matches = namePattern(name);
    if (name === undefined && tags !== undefined) return this.#findTagged(path, tags, signal);
    const found = await this.#below(path === '' ? '/' : path, signal);
    return new Map(
      found.flatMap((each) => (each.Name !== undefined && matches(each.Name) ? [[each.Name, bytesIn(each)]] : [])),
    );
  }

  push(pushed: Pushed, signal: AbortSignal): Promise<void> {
    const { key } = pushed;
    return this.#session.ask(`write "${key}"`, signal, (client, abort) =>
      contended({ key, isConflict }, async () => {
        const { PutParameterCommand } = await import('@aws-sdk/client-ssm');
        const Name = this.#id(key);
        const before = await this.#value(Name, '', signal);
        const Value = textOf(written(pushed, before && bytesIn(before)), key);
        const { tags, ...given } = parameterStoreMetadata(pushed.metadata);
        if (before === undefined) {
          const input = { ...putting(given, 'SecureString'), Name, Value, Tags: tagsToSet(tags), Overwrite: false };
          await client.send(new PutParameterCommand(input), abort);
          return;
        }
        const there = await this.#tags(key, signal);
        if (!isMarked(there)) throw foreign(key);
        const next = putting(given, before.Type);
        if (Value !== before.Value || next.Type !== before.Type)
          await client.send(new PutParameterCommand({ ...next, Name, Value, Overwrite: true }), abort);
        await this.#tag({ client, abort }, key, tagsToSet(tags, there));
      }),
    );
  }

  checkMetadata(metadata: unknown): void {
    parameterStoreMetadata(metadata);
  }

  remove(name: RemoteName, signal: AbortSignal): Promise<void> {
    const { key } = name;
    return this.#session.ask(`delete "${key}"`, signal, async (client, abort) => {
      const Name = this.#id(key);
      const before = await this.#value(Name, '', signal);
      if (before === undefined || !isMarked(await this.#tags(key, signal))) return;
      const { DeleteParameterCommand, PutParameterCommand } = await import('@aws-sdk/client-ssm');
      const left = without(name, bytesIn(before));
      const Value = left === undefined ? undefined : textOf(left, key);
      if (Value === undefined) await client.send(new DeleteParameterCommand({ Name }), abort);
      else if (Value !== before.Value)
        await client.send(new PutParameterCommand({ Name, Value, Type: before.Type, Overwrite: true }), abort);
    });
  }

  close(): void {
    this.#session.close();
  }

  #id(key: string): string {
    return `${this.#config.prefix ?? ''}${key}`;
  }

  #value(Name: string, version: string, signal: AbortSignal): Promise<Parameter | undefined> {
    return this.#session.ask(`read "${Name}"`, signal, async (client, abort) => {
      const { GetParameterCommand } = await import('@aws-sdk/client-ssm');
      const input = { Name: version === '' ? Name : `${Name}:${version}`, WithDecryption: true };
      try {
        return (await client.send(new GetParameterCommand(input), abort)).Parameter;
      } catch (error) {
        if (named(error, ...GONE)) return undefined;
        throw error;
      }
    });
  }

  /** A parameter that is overwritten takes no tags along. */
  async #tag({ client, abort }: Sending, key: string, Tags: Tag[]): Promise<void> {
    if (Tags.length === 0) return;
    const { AddTagsToResourceCommand } = await import('@aws-sdk/client-ssm');
    const input = { ResourceType: 'Parameter', ResourceId: this.#id(key), Tags } as const;
    await client.send(new AddTagsToResourceCommand(input), abort);
  }

  #tags(key: string, signal: AbortSignal): Promise<readonly Tag[]> {
    return this.#session.ask(`read the tags of "${key}"`, signal, async (client, abort) => {
      const { ListTagsForResourceCommand } = await import('@aws-sdk/client-ssm');
      const input = { ResourceType: 'Parameter', ResourceId: this.#id(key) } as const;
      return (await client.send(new ListTagsForResourceCommand(input), abort)).TagList ?? [];
    });
  }

  #below(Path: string, signal: AbortSignal): Promise<readonly Parameter[]> {
    return this.#session.ask(`list parameters below "${Path}"`, signal, async (client, abort) => {
      const { GetParametersByPathCommand } = await import('@aws-sdk/client-ssm');
      return allPages(async (which) => {
        const input = {
          Path,
          Recursive: true,
          WithDecryption: true,
          ...which,
        };
        const page = await client.send(new GetParametersByPathCommand(input), abort);
        return { items: page.Parameters, next: page.NextToken };
      });
    });
  }

  async #findTagged(path: string, tags: Readonly<Record<string, string>>, signal: AbortSignal) {
    const filters: ParameterStringFilter[] = Object.entries(tags).map(([key, value]) => ({
      ...{ Key: `tag:${key}`, Option: 'Equals', Values: [value] },
    }));
    if (path !== '') filters.push({ Key: 'Path', Option: 'Recursive', Values: [path] });
    const names = await this.#session.ask('find parameters by tags', signal, async (client, abort) => {
      const { DescribeParametersCommand } = await import('@aws-sdk/client-ssm');
      const found = await allPages(async (which) => {
        const input = { ParameterFilters: filters, ...which };
        const page = await client.send(new DescribeParametersCommand(input), abort);
        return { items: page.Parameters, next: page.NextToken };
      });
      return found.flatMap(({ Name }) => (Name === undefined ? [] : [Name]));
    });
    const found = await inTurns(names, (each) => this.#value(each, '', signal));
    return new Map(names.flatMap((each, at) => (found[at] === undefined ? [] : [[each, bytesIn(found[at])] as const])));
  }
}
