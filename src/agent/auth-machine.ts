/** When to log in, to renew and to wait; without I/O. Times are monotonic milliseconds. */
import { fullJitter, type Backoff } from '../lib/backoff.ts';
import type { Machine } from '../lib/machine.ts';

/** `refused`: the server said no. `unreachable`: no answer, or one that says nothing about us (sealed, overloaded). */
export type AuthFailure = 'refused' | 'unreachable';

interface Session {
  readonly since: number;
  /** Infinity: never. */
  readonly expires: number;
}

export interface AuthState {
  readonly doing: 'nothing' | 'login' | 'renewal' | 'ended';
  /** What the timer that is set stands for. */
  readonly next: 'login' | 'renewal';
  /** The token that is in use, also while another one is asked for. */
  readonly session: Session | undefined;
  /** Failures in a row. */
  readonly tries: number;
  /** Tokens in a row that were rejected soon after their login. */
  readonly rejections: number;
  /** New credentials came while the old ones were being tried. */
  readonly again: boolean;
}

interface Moment {
  readonly now: number;
  /** In [0, 1). */
  readonly random: number;
}
interface Lifetime {
  /** Milliseconds; 0 never expires. */
  readonly ttl: number;
  readonly renewable: boolean;
}

interface Failed {
  readonly failure: AuthFailure;
  /** Milliseconds for which the server asked to be left alone. */
  readonly atLeast?: number;
}

export type AuthInput = Moment &
  (
    | { readonly kind: 'start' | 'wake' | 'newCredentials' | 'stop' }
    | ({ readonly kind: 'loggedIn' | 'renewed' } & Lifetime)
    | ({ readonly kind: 'loginFailed' | 'renewalFailed' } & Failed)
    /** A request with the token was answered as if there were no such token. */
    | { readonly kind: 'rejected' }
  );

export type AuthOutput =
  | { readonly do: 'login' | 'renew' }
  /** Forget the token: it serves no more. It is not revoked: others may hold it from a sink. */
  | { readonly do: 'drop' }
  /** Send `wake` after `ms`, instead of any earlier wish; Infinity cancels. */
  | { readonly do: 'wake'; readonly ms: number }
  /** The input means nothing in this state, such as the answer to a question that is no longer asked. */
  | { readonly do: 'ignored'; readonly input: AuthInput['kind'] };

type Step = { readonly state: AuthState; readonly outputs: readonly AuthOutput[] };

/** A token that is rejected this soon after its login is not followed by a login at once: that would be a tight loop. */
const settled = 60_000;
/** Two-thirds of its life after it was got, or up to a tenth earlier, so that a fleet does not renew in step. */
const renewalShare = 2 / 3;
const renewalJitter = 0.1;
/** Whole seconds are the shortest lives; a server that tells of less is not asked again and again without a pause. */
const shortest = 500;
/** A renewal that adds less than this has met the token's longest life. */
const leastGain = 1_000;

const initial: AuthState = {
  doing: 'nothing',
  next: 'login',
  session: undefined,
  tries: 0,
  rejections: 0,
  again: false,
};

const never: AuthOutput = { do: 'wake', ms: Number.POSITIVE_INFINITY };

export function authMachine(backoff: Backoff): Machine<AuthState, AuthInput, AuthOutput> {
  return { initial, step: (state, input) => step(state, input, backoff) };
}

function step(state: AuthState, input: AuthInput, backoff: Backoff): Step {
  if (state.doing === 'ended') return ignored(state, input);
  if (input.kind === 'stop') return { state: { ...state, doing: 'ended' }, outputs: [never] };
  if (state.doing === 'login') return whileLoggingIn(state, input, backoff);
  return state.doing === 'renewal' ? whileRenewing(state, input, backoff) : atRest(state, input, backoff);
}

function atRest(state: AuthState, input: AuthInput, backoff: Backoff): Step {
  if (input.kind === 'start') return login(state);
  return input.kind === 'wake' ? wake(state, input) : interrupted(state, input, backoff);
}

function whileLoggingIn(state: AuthState, input: AuthInput, backoff: Backoff): Step {
  if (input.kind === 'loggedIn') return begun({ ...state, tries: 0 }, input, input.now);
  if (input.kind === 'loginFailed') return loginFailed(state, input, backoff);
  return input.kind === 'newCredentials' ? { state: { ...state, again: true }, outputs: [] } : ignored(state, input);
}

function whileRenewing(state: AuthState, input: AuthInput, backoff: Backoff): Step {
  if (input.kind === 'renewed') return renewed(state, input);
  return input.kind === 'renewalFailed' ? renewalFailed(state, input, backoff) : interrupted(state, input, backoff);
}

/** What can happen at any time but during a login. The answer to a renewal that was under way is then ignored. */
function interrupted(state: AuthState, input: AuthInput, backoff: Backoff): Step {
  if (input.kind === 'newCredentials') return login({ ...state, tries: 0 });
  return input.kind === 'rejected' ? rejected(state, input, backoff) : ignored(state, input);
}

function ignored(state: AuthState, { kind }: AuthInput): Step {
  return { state, outputs: [{ do: 'ignored', input: kind }] };
}

function login(state: AuthState, before: readonly AuthOutput[] = []): Step {
  return { state: { ...state, doing: 'login', again: false }, outputs: [...before, never, { do: 'login' }] };
}

function rest(state: AuthState, next: AuthState['next'], ms: number): Step {
  return { state: { ...state, doing: 'nothing', next, again: false }, outputs: [{ do: 'wake', ms }] };
}

function after(outputs: readonly AuthOutput[], later: Step): Step {
  return { state: later.state, outputs: [...outputs, ...later.outputs] };
}

function dropExpired(state: AuthState, now: number): Step {
  if (state.session === undefined || state.session.expires > now) return { state, outputs: [] };
  return { state: { ...state, session: undefined }, outputs: [{ do: 'drop' }] };
}

/** A token's life from here on: until two-thirds of it there is nothing to do. */
function begun(state: AuthState, { now, random, ttl, renewable }: Moment & Lifetime, since: number): Step {
  const session = { since, expires: ttl === 0 ? Number.POSITIVE_INFINITY : now + ttl };
  const share = ttl * (renewalShare - renewalJitter * random);
  const ms = ttl === 0 ? Number.POSITIVE_INFINITY : Math.max(shortest, share);
  return rest({ ...state, session }, renewable ? 'renewal' : 'login', ms);
}

function renewed(state: AuthState, input: Moment & Lifetime): Step {
  const { session } = state;
  if (session === undefined) return login(state);
  // A renewal that adds nothing has met the token's longest life: the next thing is a login.
  const extended = input.ttl === 0 || input.now + input.ttl > session.expires + leastGain;
  return begun(
    { ...state, tries: 0, rejections: 0 },
    { ...input, renewable: input.renewable && extended },
    session.since,
  );
}

function loginFailed(state: AuthState, input: Moment & Failed, backoff: Backoff): Step {
  const dropped = dropExpired(state, input.now);
  if (state.again) return after(dropped.outputs, login({ ...dropped.state, tries: 0 }));
  const tries = state.tries + 1;
  return after(dropped.outputs, rest({ ...dropped.state, tries }, 'login', wait(tries, input, backoff)));
}

function renewalFailed(state: AuthState, input: Moment & Failed, backoff: Backoff): Step {
  if (input.failure === 'refused') return login({ ...state, session: undefined }, [{ do: 'drop' }]);
  const tries = state.tries + 1;
  const left = (state.session?.expires ?? input.now) - input.now;
  return rest({ ...state, tries }, 'renewal', Math.max(0, Math.min(left, wait(tries, input, backoff))));
}

function rejected(state: AuthState, input: Moment, backoff: Backoff): Step {
  const { session } = state;
  const without = { ...state, session: undefined };
  const drop: readonly AuthOutput[] = session === undefined ? [] : [{ do: 'drop' }];
  if (session === undefined || input.now - session.since >= settled) {
    return login({ ...without, tries: 0, rejections: 0 }, drop);
  }
  const rejections = state.rejections + 1;
  return after(drop, rest({ ...without, rejections }, 'login', wait(rejections, input, backoff)));
}

function wake(state: AuthState, { now }: Moment): Step {
  const { state: current, outputs } = dropExpired(state, now);
  if (current.session === undefined || state.next === 'login') return login(current, outputs);
  return { state: { ...current, doing: 'renewal' }, outputs: [{ do: 'renew' }] };
}

function wait(
  tries: number,
  { random, atLeast = 0 }: Moment & { readonly atLeast?: number },
  backoff: Backoff,
): number {
  return atLeast + fullJitter(backoff, tries, random);
}
