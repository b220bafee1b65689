/**
 * What a peer may have under way at the hub's listener, so that none takes it from the others: connections of strangers,
 * connections, streams and requests of a region. Counts and times alone; no decision about who is who.
 */
import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { fail } from '../errors.ts';
import { TokenBucket, type Rate } from '../lib/token-bucket.ts';

/** A connection that has not shown a good certificate by then ends; enrolment is done in a fraction of it. */
const STRANGER_MS = 15_000;
const MOST_STRANGERS = 1_024;
const MOST_STRANGERS_OF_ADDRESS = 128;
/** New connections of one address: each costs the hub a handshake. */
const CONNECTIONS: Rate = { burst: 256, perSecond: 32 };
const MOST_ADDRESSES = 4_096;

/** A region has one connection; a second and a third while it comes back. */
const MOST_SESSIONS = 4;
/** Opened streams: each may bring a snapshot. */
const STREAMS: Rate = { burst: 64, perSecond: 2 };
const MOST_REQUESTS = 256;
const MOST_REQUEST_BYTES = 67_108_864;

const socketKey = (socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string =>
  `${socket.remoteAddress ?? ''} ${String(socket.remotePort ?? 0)}`;

interface Stranger {
  readonly socket: Socket;
  readonly timer: NodeJS.Timeout;
}

/** Connections of which it is not known yet whose they are. */
export class Strangers {
  readonly #waiting = new Map<string, Stranger>();
  readonly #rates = new Map<string, TokenBucket>();
  readonly #ofAddress = new Map<string, number>();

  /** False when the connection must end at once. */
  admit(socket: Socket): boolean {
    const address = socket.remoteAddress ?? '';
    const many = (this.#ofAddress.get(address) ?? 0) >= MOST_STRANGERS_OF_ADDRESS;
    if (many || this.#waiting.size >= MOST_STRANGERS || !this.#rateOf(address).take(performance.now())) return false;
    const key = socketKey(socket);
    const timer = setTimeout(() => socket.destroy(), STRANGER_MS).unref();
    this.#waiting.set(key, { socket, timer });
    this.#ofAddress.set(address, (this.#ofAddress.get(address) ?? 0) + 1);
    socket.once('close', () => {
      this.#forget(key, address);
    });
    return true;
  }

  /** It has shown a good certificate: it may stay. */
  known(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): void {
    this.#forget(socketKey(socket), socket.remoteAddress ?? '');
  }

  #forget(key: string, address: string): void {
    const stranger = this.#waiting.get(key);
    if (stranger === undefined) return;
    clearTimeout(stranger.timer);
    this.#waiting.delete(key);
    const left = (this.#ofAddress.get(address) ?? 1) - 1;
    if (left <= 0) this.#ofAddress.delete(address);
    else this.#ofAddress.set(address, left);
  }

  #rateOf(address: string): TokenBucket {
    const now = performance.now();
    const known = this.#rates.get(address);
    if (known !== undefined) return known;
    if (this.#rates.size >= MOST_ADDRESSES) {
      for (const [each, rate] of this.#rates) if (rate.full(now)) this.#rates.delete(each);
      if (this.#rates.size >= MOST_ADDRESSES) this.#rates.clear();
    }
    const made = new TokenBucket(CONNECTIONS, now);
    this.#rates.set(address, made);
    return made;
  }
}

/** The certificate that a connection was identified by. */
export interface Shown {
  readonly region: string;
  readonly fingerprint: string;
}

interface Share {
  /** In the order in which they came. */
  readonly sessions: Map<Http2Session, Shown>;
  readonly streams: TokenBucket;
  requests: number;
  bytes: number;
}

/** What each region has under way. */
export class Shares {
  readonly #shares = new Map<string, Share>();

  /** Beyond what a region may have, its oldest connection ends: after a cut, the newest is the true one. */
  connected(session: Http2Session, shown: Shown): void {
    const { sessions } = this.#of(shown.region);
    if (sessions.has(session)) return;
    sessions.set(session, shown);
    session.once('close', () => sessions.delete(session));
    const [oldest] = sessions.keys();
    if (sessions.size > MOST_SESSIONS) oldest?.destroy();
  }

  *sessions(): Generator<readonly [Http2Session, Shown]> {
    for (const { sessions } of this.#shares.values()) yield* [...sessions];
  }

  /** Under which certificate a connection was identified. */
  shown(session: Http2Session): Shown | undefined {
    for (const { sessions } of this.#shares.values()) {
      const shown = sessions.get(session);
      if (shown !== undefined) return shown;
    }
    return undefined;
  }

  /** Throws `tooManyRequests`. */
  openStream(region: string): void {
    if (!this.#of(region).streams.take(performance.now())) {
      throw fail('tooManyRequests', 'this region opens streams too often');
    }
  }

  /** Runs a request whose body is counted by `spend` while it is under way. Throws `tooManyRequests`. */
  async request<T>(region: string, run: (spend: (bytes: number) => void) => Promise<T>): Promise<T> {
    const share = this.#of(region);
    if (share.requests >= MOST_REQUESTS) throw fail('tooManyRequests', 'this region has too many requests under way');
    let spent = 0;
    share.requests += 1;
    try {
      return await run((bytes) => {
        spent += bytes;
        share.bytes += bytes;
        if (share.bytes > MOST_REQUEST_BYTES) throw fail('tooManyRequests', 'this region sends too much at once');
      });
    } finally {
      share.requests -= 1;
      share.bytes -= spent;
    }
  }

  #of(region: string): Share {
    const known = this.#shares.get(region);
    if (known !== undefined) return known;
    const streams = new TokenBucket(STREAMS, performance.now());
    const made: Share = { sessions: new Map(), streams, requests: 0, bytes: 0 };
    this.#shares.set(region, made);
    return made;
  }
}
