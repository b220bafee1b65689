/**
 * What every provider must do, against its real counterpart. Cases that a provider does not offer carry the reason. Keys are
 * names that all of them take.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProviderProblem, type ProblemKind, type ProviderClient, type Reference } from './contract.ts';
import { membersAt } from './members.ts';

type Texts = Readonly<Record<string, string>>;

/**
 * `owner` may all; `stranger` is known, and may nothing; `nowhere`: nobody answers there. Their credentials hold the text
 * `canary`, which no message may.
 */
export type Who = 'owner' | 'stranger' | 'nowhere';

export interface ProviderWorld {
  readonly connect: (who: Who) => ProviderClient;
  /** Makes or replaces a secret that External Secrets did not write. */
  readonly put: (key: string, values: Texts, tags?: Texts) => Promise<void>;
  /** One that is no object, but text alone. */
  readonly putText?: (key: string, text: string) => Promise<void>;
  /** Changes with each write of it. */
  readonly revision?: (key: string) => Promise<string>;
}

/** What a provider may lack. */
type Ability =
  'binary' | 'nowhere' | 'find' | 'metadata' | 'path' | 'properties' | 'push' | 'race' | 'stranger' | 'tags' | 'text';

interface VersionCase {
  /** Of the first and of the second write of a key. */
  readonly names: (client: ProviderClient, key: string) => Promise<readonly [string, string]>;
  /** That no secret has. */
  readonly none: string;
}

export interface Conformance {
  readonly name: string;
  /** Once before all; it is ended by whoever gives it. */
  readonly world: () => Promise<ProviderWorld>;
  /** Why it lacks an ability. */
  readonly without?: Readonly<Partial<Record<Ability | 'version', string>>>;
  readonly version?: VersionCase;
}

const { signal } = new AbortController();
const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
const json = (value: Uint8Array): unknown => JSON.parse(Buffer.from(value).toString('utf8'));

const isProblem = (error: unknown, kind: ProblemKind): true => {
  assert.ok(error instanceof ProviderProblem, String(error));
  assert.equal(error.kind, kind, error.message);
  assert.doesNotMatch(error.message, /canary/i);
  return true;
};
const rejectsAs = (work: Promise<unknown>, kind: ProblemKind): Promise<void> =>
  assert.rejects(work, (error) => isProblem(error, kind));

async function readText(client: ProviderClient, reference: Reference): Promise<string> {
  const found = await client.read(reference, signal);
  assert.ok(found.found, `${reference.key} is not found`);
  return Buffer.from(found.value).toString('utf8');
}

const membersText = async (client: ProviderClient, key: string): Promise<Texts> => {
  const found = await membersAt(client, { key }, signal);
  assert.ok(found.found);
  return Object.fromEntries([...found.value].map(([name, value]) => [name, Buffer.from(value).toString('utf8')]));
};

interface Suite {
  readonly case: (
    title: string,
    needs: readonly (Ability | 'version')[],
    body: (world: ProviderWorld) => Promise<void>,
  ) => void;
}

function suiteOf({ name, world, without = {} }: Conformance): Suite {
  let opened: Promise<ProviderWorld> | undefined;
  return {
    case: (title, needs, body) => {
      const [skip] = needs.flatMap((each) => without[each] ?? []);
      test(`provider ${name}: ${title}`, skip === undefined ? {} : { skip }, async () => {
        opened ??= world();
        await body(await opened);
      });
    },
  };
}

function reading(suite: Suite): void {
  suite.case('all of a secret, one value of it, and a part of a value', ['properties'], async ({ connect, put }) => {
    const client = connect('owner');
    await put('read-all', { user: 'app', 'tls.crt': 'pem', parts: '{"a":[1,"<ä>"]}' });
    assert.deepEqual(json(bytes(await readText(client, { key: 'read-all' }))), {
      ...{ user: 'app', 'tls.crt': 'pem', parts: '{"a":[1,"<ä>"]}' },
    });
    assert.equal(await readText(client, { key: 'read-all', property: 'user' }), 'app');
    assert.equal(await readText(client, { key: 'read-all', property: 'tls.crt' }), 'pem');
    assert.deepEqual(await membersText(client, 'read-all'), {
      ...{ user: 'app', 'tls.crt': 'pem', parts: '{"a":[1,"<ä>"]}' },
    });
  });
  suite.case(
    'not there, empty, and a value that it lacks are three answers',
    ['properties'],
    async ({ connect, put }) => {
      const client = connect('owner');
      await put('read-empty', { nothing: '' });
      assert.deepEqual(await client.read({ key: 'read-none' }, signal), { found: false });
      assert.deepEqual(await client.read({ key: 'read-none', property: 'a' }, signal), { found: false });
      assert.deepEqual(await membersAt(client, { key: 'read-none' }, signal), { found: false });
      assert.equal(await readText(client, { key: 'read-empty', property: 'nothing' }), '');
      await rejectsAs(client.read({ key: 'read-empty', property: 'missing' }, signal), 'unsuitable');
      await rejectsAs(client.read({ key: 'read-empty', property: 'toString' }, signal), 'unsuitable');
    },
  );
  suite.case('a secret that is text is read whole, and has no values', ['text'], async ({ connect, putText }) => {
    const client = connect('owner');
    await putText?.('read-text', 'no {object}');
    assert.equal(await readText(client, { key: 'read-text' }), 'no {object}');
    await rejectsAs(client.read({ key: 'read-text', property: 'a' }, signal), 'unsuitable');
    await rejectsAs(membersAt(client, { key: 'read-text' }, signal), 'unsuitable');
    await putText?.('read-list', '["a"]');
    await rejectsAs(membersAt(client, { key: 'read-list' }, signal), 'unsuitable');
  });
  suite.case('what is known of a secret in place of itself', ['metadata', 'tags'], async ({ connect, put }) => {
    await put('read-about', { a: '1' }, { team: 'shop' });
    const text = await readText(connect('owner'), { key: 'read-about', metadata: true });
    assert.match(text, /shop/);
    assert.doesNotMatch(text, /"a"/);
  });
}

function versions(suite: Suite, version: VersionCase | undefined): void {
  suite.case('a version by its name, and one that is not there', ['version'], async ({ connect, put }) => {
    assert.ok(version);
    const client = connect('owner');
    await put('versioned', { a: '1' });
    await put('versioned', { a: '2' });
    const [first, second] = await version.names(client, 'versioned');
    const at = (name: string): Promise<string> => readText(client, { key: 'versioned', property: 'a', version: name });
    assert.deepEqual([await at(first), await at(second)], ['1', '2']);
    assert.equal(await readText(client, { key: 'versioned', property: 'a' }), '2');
    assert.deepEqual(await client.read({ key: 'versioned', version: version.none }, signal), { found: false });
  });
}

function finding(suite: Suite): void {
  const names = async (found: Promise<ReadonlyMap<string, Uint8Array>> | undefined): Promise<readonly string[]> => {
    assert.ok(found);
    return [...(await found).keys()].toSorted();
  };
  suite.case('by a pattern anywhere in the name; none is an empty answer', ['find'], async ({ connect, put }) => {
    const client = connect('owner');
    for (const key of ['find-one', 'find-two', 'found-not']) await put(key, { a: key });
    assert.deepEqual(await names(client.find?.({ name: '^find-' }, signal)), ['find-one', 'find-two']);
    assert.deepEqual(await names(client.find?.({ name: 'nd-t' }, signal)), ['find-two']);
    assert.deepEqual(await names(client.find?.({ name: '^$' }, signal)), []);
    const [value] = (await client.find?.({ name: '^find-one$' }, signal))?.values() ?? [];
    assert.match(Buffer.from(value ?? bytes('')).toString('utf8'), /find-one/);
    await rejectsAs(client.find?.({ name: '(' }, signal) ?? Promise.resolve(), 'invalid');
  });
  suite.case('by tags, all of which must be there', ['find', 'tags'], async ({ connect, put }) => {
    const client = connect('owner');
    await put('tagged-one', { a: '1' }, { team: 'tagged', stage: 'test' });
    await put('tagged-two', { a: '2' }, { team: 'tagged' });
    assert.deepEqual(await names(client.find?.({ tags: { team: 'tagged' } }, signal)), ['tagged-one', 'tagged-two']);
    assert.deepEqual(await names(client.find?.({ tags: { team: 'tagged', stage: 'test' } }, signal)), ['tagged-one']);
    assert.deepEqual(await names(client.find?.({ tags: { team: 'nobody' } }, signal)), []);
  });
  suite.case('below a path', ['find', 'path'], async ({ connect, put }) => {
    const client = connect('owner');
    for (const key of ['below/one', 'below/deep/two', 'above/three']) await put(key, { a: '1' });
    assert.deepEqual(await names(client.find?.({ path: 'below', name: '.*' }, signal)), [
      'below/deep/two',
      'below/one',
    ]);
  });
}

function failing(suite: Suite): void {
  suite.case('a store that does not answer is unreachable, whatever is asked', ['nowhere'], async ({ connect }) => {
    const client = connect('nowhere');
    await rejectsAs(client.check(signal), 'unreachable');
    await rejectsAs(client.read({ key: 'read-none' }, signal), 'unreachable');
    if (client.find !== undefined) await rejectsAs(client.find({ name: '.' }, signal), 'unreachable');
    if (client.push !== undefined) {
      await rejectsAs(client.push({ key: 'unpushed', property: 'a', value: bytes('1') }, signal), 'unreachable');
    }
    client.close();
  });
  suite.case('who may not is denied, of what is there and of what is not', ['stranger'], async ({ connect, put }) => {
    const client = connect('stranger');
    await put('denied-one', { a: '1' });
    for (const key of ['denied-one', 'denied-none']) await rejectsAs(client.read({ key }, signal), 'denied');
    if (client.push !== undefined) {
      await rejectsAs(client.push({ key: 'denied-push', property: 'a', value: bytes('1') }, signal), 'denied');
    }
    client.close();
  });
  suite.case('whoever gives up is let go', ['nowhere'], async ({ connect }) => {
    const client = connect('owner');
    const given = AbortSignal.abort(new Error('given up'));
    await assert.rejects(client.read({ key: 'read-none' }, given), /given up/);
    client.close();
    client.close();
  });
  suite.case('it says that it can be used', [], async ({ connect }) => {
    await connect('owner').check(signal);
  });
}

function pushing(suite: Suite): void {
  suite.case('a property and a whole secret are made, changed, and removed', ['push'], async ({ connect }) => {
    const client = connect('owner');
    assert.ok(client.push && client.remove);
    await client.push({ key: 'pushed', property: 'a', value: bytes('1') }, signal);
    await client.push({ key: 'pushed', property: 'b', value: bytes('<ä>') }, signal);
    assert.deepEqual(await membersText(client, 'pushed'), { a: '1', b: '<ä>' });
    await client.push({ key: 'pushed-all', value: bytes('{"a":"1","b":"2"}') }, signal);
    await client.push({ key: 'pushed-all', value: bytes('{"a":"3"}') }, signal);
    assert.deepEqual(await membersText(client, 'pushed-all'), { a: '3' });
    await client.remove({ key: 'pushed', property: 'a' }, signal);
    assert.deepEqual(await membersText(client, 'pushed'), { b: '<ä>' });
    for (const name of [{ key: 'pushed', property: 'b' }, { key: 'pushed-all' }, { key: 'pushed-none' }]) {
      await client.remove(name, signal);
      assert.deepEqual(await client.read({ key: name.key }, signal), { found: false }, name.key);
      await client.remove(name, signal);
    }
  });
  suite.case('what is there already is not written again', ['push'], async ({ connect, revision }) => {
    const client = connect('owner');
    assert.ok(client.push && revision);
    const pushed = { key: 'pushed-twice', property: 'a', value: bytes('1') };
    await client.push(pushed, signal);
    const before = await revision('pushed-twice');
    await client.push(pushed, signal);
    assert.equal(await revision('pushed-twice'), before);
    await client.push({ ...pushed, value: bytes('2') }, signal);
    assert.notEqual(await revision('pushed-twice'), before);
  });
  suite.case('what somebody else wrote is left alone', ['push'], async ({ connect, put, revision }) => {
    const client = connect('owner');
    assert.ok(client.push && client.remove && revision);
    await put('pushed-foreign', { a: '1' });
    const before = await revision('pushed-foreign');
    await rejectsAs(client.push({ key: 'pushed-foreign', property: 'b', value: bytes('2') }, signal), 'denied');
    await client.remove({ key: 'pushed-foreign' }, signal);
    assert.equal(await revision('pushed-foreign'), before);
    assert.deepEqual(await membersText(client, 'pushed-foreign'), { a: '1' });
  });
  suite.case(
    'of those that write at once, none undoes what another was told is done',
    ['push', 'race'],
    async ({ connect }) => {
      const clients = [connect('owner'), connect('owner'), connect('owner')];
      const [first] = clients;
      assert.ok(first?.push);
      await first.push({ key: 'pushed-race', property: 'begun', value: bytes('0') }, signal);
      const done = await Promise.allSettled(
        clients.map(async (client, at) => {
          const property = `p${String(at)}`;
          await client.push?.({ key: 'pushed-race', property, value: bytes('1') }, signal);
          return property;
        }),
      );
      const members = await membersText(first, 'pushed-race');
      const kept = done.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      assert.ok(kept.length > 0, 'somebody has to win');
      for (const each of ['begun', ...kept]) assert.ok(Object.hasOwn(members, each), `${each} is lost`);
      for (const each of done) if (each.status === 'rejected') isProblem(each.reason, 'unreachable');
    },
  );
}

function binary(suite: Suite): void {
  suite.case('bytes that are no text come through', ['push', 'binary'], async ({ connect }) => {
    const client = connect('owner');
    const value = Uint8Array.from({ length: 256 }, (_, at) => at);
    await client.push?.({ key: 'binary', property: 'raw', value }, signal);
    const read = await client.read({ key: 'binary', property: 'raw' }, signal);
    assert.ok(read.found && Buffer.from(value).equals(read.value));
    const members = await membersAt(client, { key: 'binary' }, signal);
    assert.ok(members.found && Buffer.from(value).equals(members.value.get('raw') ?? bytes('')));
  });
}

/** Defines the tests; those that need nothing to be there come first. */
export function providerConformance(conformance: Conformance): void {
  const suite = suiteOf(conformance);
  failing(suite);
  reading(suite);
  versions(suite, conformance.version);
  finding(suite);
  pushing(suite);
  binary(suite);
}
