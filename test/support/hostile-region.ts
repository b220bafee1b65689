/** A region that does as it likes, with a certificate of the hub: what it sends is up to the test, all it gets is kept. */
import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { AuditTrail, Alarm } from '../../src/core/audit/trail.ts';
import type { Access } from '../../src/core/requests/access.ts';
import type { Outcome } from '../../src/framework/request.ts';
import { newPrivateKey } from '../../src/lib/crypto/certificates.ts';
import { HUB_NAME } from '../../src/regions/authority.ts';
import { enrol, type Identity } from '../../src/regions/cluster-client.ts';
import { decodeHubFrame, encodeFrame, FrameSplitter, lengthPrefixed, MAX_HUB_FRAME } from '../../src/regions/codec.ts';
import { decodeJoinToken, type JoinToken } from '../../src/regions/join-token.ts';
import type { Cursor, Hello, HubFrame, RegionFrame } from '../../src/regions/protocol.ts';
import type { TestHub } from './cluster.ts';
import { ask } from './node.ts';

export type HubFrameOf<T extends HubFrame['type']> = Extract<HubFrame, { type: T }>;

/** What the hub's audit was told. */
export class Witness implements AuditTrail {
  readonly alarms: Alarm[] = [];
  readonly forwarded: { readonly access: Access; readonly outcome: Outcome }[] = [];
  readonly #waiting = new Set<() => void>();
  readonly request = (): undefined => undefined;
  readonly response = (access: Access, outcome: Outcome): undefined => {
    if (access.region !== undefined) this.forwarded.push({ access, outcome });
  };
  readonly both = this.response;
  readonly event = (alarm: Alarm): void => {
    this.alarms.push(alarm);
    for (const wake of this.#waiting) wake();
  };

  of(what: string): readonly Alarm[] {
    return this.alarms.filter((alarm) => alarm.what === what);
  }

  async saw(what: string, count = 1): Promise<readonly Alarm[]> {
    while (this.of(what).length < count) {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const wake = (): void => {
        resolve(undefined);
      };
      this.#waiting.add(wake);
      await promise;
      this.#waiting.delete(wake);
    }
    return this.of(what);
  }
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: { readonly errors?: readonly string[]; readonly outcome?: Outcome } & Record<string, unknown>;
}

export async function joinToken(hub: TestHub, name: string, paths: readonly string[], writes: readonly string[] = []) {
  const added = await ask(hub.node, 'POST', `sys/regions/${name}`, { token: hub.root, body: { paths, writes } });
  return decodeJoinToken(String(added.reply?.data?.['join_token']));
}

export function addressOf(token: JoinToken): { readonly host: string; readonly port: number } {
  const [host = '', port = ''] = token.hub.split(':');
  return { host, port: Number(port) };
}

interface Tls {
  readonly key?: string;
  readonly cert?: string;
}

/** A connection with whatever certificate, or none. */
export class Attacker implements Disposable {
  readonly session: ClientHttp2Session;
  /** All bytes that the hub ever sent on it, frames and answers alike. */
  readonly heard: Buffer[] = [];

  private constructor(session: ClientHttp2Session) {
    this.session = session;
  }

  static async connect(token: JoinToken, tls: Tls = {}): Promise<Attacker> {
    const { host, port } = addressOf(token);
    const socket = connectTls({
      host,
      port,
      servername: HUB_NAME,
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
      ...tls,
    });
    socket.on('error', () => undefined);
    const session = connect(`https://${token.hub}`, { createConnection: () => socket });
    session.on('error', () => undefined);
    await once(session, 'connect');
    return new Attacker(session);
  }

  static async as(token: JoinToken, { key, certificate }: Identity): Promise<Attacker> {
    return Attacker.connect(token, { key, cert: certificate });
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }

  get closed(): Promise<unknown> {
    const { session } = this;
    return session.destroyed ? Promise.resolve() : new Promise((resolve) => session.once('close', resolve));
  }

  open(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    const stream = this.session.request({ ':method': 'POST', ...headers }, { endStream: false });
    stream.on('error', () => undefined);
    return stream;
  }

  async post(path: string, body: string | Uint8Array, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
    const stream = this.open({ ':path': path, ...headers });
    stream.end(body);
    return this.answer(stream);
  }

  /** Status 0: there was none. */
  async answer(stream: ClientHttp2Stream): Promise<Answer> {
    let status = 0;
    const parts: Buffer[] = [];
    stream.on('response', (headers) => {
      status = Number(headers[':status']);
      this.heard.push(Buffer.from(JSON.stringify(headers)));
    });
    stream.on('data', (part: Buffer) => parts.push(part));
    if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
    const text = Buffer.concat(parts).toString();
    this.heard.push(Buffer.from(text));
    return { status, text, json: text.startsWith('{') ? (JSON.parse(text) as Answer['json']) : {} };
  }

  forward(asked: Partial<Asked>): Promise<Answer> {
    return this.post('/forward', JSON.stringify(forwarded(asked)));
  }

  stream(): HostileStream {
    return new HostileStream(this.open({ ':path': '/stream' }), this.heard);
  }
}

export interface Asked {
  readonly idempotencyKey: unknown;
  readonly verb: unknown;
  readonly path: unknown;
  readonly body: unknown;
  readonly query: unknown;
  readonly policies: unknown;
  readonly contentType: unknown;
  readonly more: Readonly<Record<string, unknown>>;
}

let asked = 0;

export function forwarded({ more = {}, ...given }: Partial<Asked>): unknown {
  asked += 1;
  const id = `request-${String(asked)}`;
  const { idempotencyKey = id, verb = 'update', path = 'secret/data/eu/x', body = { data: { a: '1' } } } = given;
  const { query = {}, policies = ['eu-app'], contentType = 'application/json' } = given;
  return {
    idempotencyKey,
    request: { id, verb, method: 'POST', path, body, contentType, query, ...more },
    client: { displayName: 'web', policies, entity: '', accessor: '', address: '10.0.0.9', ...more },
    ...more,
  };
}

export class HostileStream {
  readonly stream: ClientHttp2Stream;
  readonly frames: HubFrame[] = [];
  /** Acknowledges as a true region does. */
  obedient = false;
  readonly #splitter = new FrameSplitter(MAX_HUB_FRAME);
  #over = false;
  #wake: () => void = () => undefined;

  constructor(stream: ClientHttp2Stream, heard: Buffer[]) {
    this.stream = stream;
    let frames = false;
    stream.once('response', (headers) => {
      frames = headers[':status'] === 200;
    });
    stream.on('data', (chunk: Buffer) => {
      heard.push(chunk);
      if (!frames) return;
      for (const frame of this.#splitter.push(chunk)) this.#take(decodeHubFrame(frame));
      this.#wake();
    });
    for (const event of ['end', 'close']) {
      stream.once(event, () => {
        this.#over = true;
        this.#wake();
      });
    }
  }

  #take(frame: HubFrame): void {
    this.frames.push(frame);
    if (!this.obedient || !('n' in frame)) return;
    const starts = this.frames.filter((each) => each.type === 'snapshotStart').length;
    const staged = starts > this.frames.filter((each) => each.type === 'snapshotEnd').length;
    const moves = 'hash' in frame && frame.type !== 'snapshotStart' && !staged;
    const cursor = moves ? { position: frame.position, hash: frame.hash } : undefined;
    this.say({ type: 'ack', nonce: this.nonce, through: frame.n, cursor });
  }

  get nonce(): string {
    return this.first('welcome')?.nonce ?? '';
  }

  first<T extends HubFrame['type']>(type: T): HubFrameOf<T> | undefined {
    return this.frames.find((frame): frame is HubFrameOf<T> => frame.type === type);
  }

  say(frame: RegionFrame): void {
    this.raw(lengthPrefixed(encodeFrame(frame)));
  }

  raw(bytes: Uint8Array): void {
    if (this.stream.writable) this.stream.write(bytes);
  }

  hello(given: Partial<Hello> = {}): void {
    const local = { epoch: '1.x', sequence: 0 };
    const cursor: Cursor | undefined = undefined;
    const hello = {
      protocol: 1,
      region: 'eu',
      instance: 'one',
      cursor,
      filterVersion: 0,
      local,
      window: 2 ** 22,
      ...given,
    };
    this.say({ type: 'hello', ...hello });
  }

  /** The first frame that fits, or undefined when the stream ended without one. */
  async until<T extends HubFrame['type']>(type: T, fits: (frame: HubFrameOf<T>) => boolean = () => true) {
    for (;;) {
      const found = this.frames.find(
        (frame): frame is HubFrameOf<T> => frame.type === type && fits(frame as HubFrameOf<T>),
      );
      if (found !== undefined || this.#over) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async ended(): Promise<HubFrameOf<'refuse'> | undefined> {
    while (!this.#over) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.first('refuse');
  }

  end(): void {
    this.stream.close();
  }
}

/** A new region of the hub, enrolled, that does nothing yet. */
export async function hostile(hub: TestHub, name: string, paths: readonly string[], writes: readonly string[] = []) {
  const token = await joinToken(hub, name, paths, writes);
  const identity = await enrol(addressOf(token), token, newPrivateKey());
  return { token, identity, attacker: await Attacker.as(token, identity) };
}
