import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { fail, isLockstepError } from '../../errors.ts';
import { nextTurn } from '../next-turn.ts';
import { Line, type Port } from './line.ts';

interface Ask<Argument, Answer> {
  readonly argument: Argument;
  readonly answer: Answer;
}

type Asks = {
  readonly double: Ask<number, number>;
  readonly refuse: Ask<undefined, undefined>;
  readonly break: Ask<undefined, undefined>;
  /** Answered when `release` is called. */
  readonly wait: Ask<number, number>;
  readonly note: Ask<unknown, undefined>;
  /** What no clone can be made of. */
  readonly show: Ask<undefined, unknown>;
};
type None = { readonly never: Ask<undefined, undefined> };

const nothing = { never: () => undefined };

function lines(t: { after: (work: () => void) => void }) {
  const { port1, port2 } = new MessageChannel();
  const noted: unknown[] = [];
  const sent = { near: 0, far: 0 };
  const counted = (end: keyof typeof sent, port: MessagePort): Port => ({
    postMessage: (message) => {
      sent[end] += 1;
      port.postMessage(message);
    },
    on: (event, listener) => port.on(event, listener),
  });
  const { promise: released, resolve: release } = Promise.withResolvers<undefined>();
  const near = new Line<Asks, None>(counted('near', port1), nothing);
  const far = new Line<None, Asks>(counted('far', port2), {
    double: (value) => value * 2,
    refuse: () => {
      throw fail('permissionDenied', 'not for you');
    },
    break: () => {
      throw new Error('the secret is hunter2');
    },
    note: (text) => {
      noted.push(text);
      return undefined;
    },
    show: () => () => undefined,
    wait: async (value) => {
      await released;
      return value;
    },
  });
  t.after(() => {
    port1.close();
  });
  return { near, far, noted, sent, release };
}

test('an answer goes to who asked, whatever order answers come in', async (t) => {
  const { near } = lines(t);
  assert.deepEqual(await Promise.all([1, 2, 3].map((value) => near.ask('double', value))), [2, 4, 6]);
});

test('an error of the catalogue arrives as itself; of any other only its kind does', async (t) => {
  const { near } = lines(t);
  await assert.rejects(near.ask('refuse', undefined), (error) => {
    return isLockstepError(error, 'permissionDenied') && error.message === 'not for you';
  });
  await assert.rejects(near.ask('break', undefined), (error) => {
    return isLockstepError(error, 'internal') && !error.message.includes('hunter2');
  });
});

test('what is told comes before what is asked after it, and nothing comes back', async (t) => {
  const { near, noted } = lines(t);
  near.tell('note', 'a');
  near.tell('note', 'b');
  await near.ask('double', 1);
  assert.deepEqual(noted, ['a', 'b']);
});

test('answers that one thing sets free go as one message, in the turn in which it did', async (t) => {
  const { near, sent, release } = lines(t);
  const answers = [1, 2, 3].map((value) => near.ask('wait', value));
  // Comes back when the far end has taken in all that was asked before.
  await near.ask('double', 1);
  const before = sent.far;
  release(undefined);
  await nextTurn();
  assert.equal(sent.far, before + 1);
  assert.deepEqual(await Promise.all(answers), [1, 2, 3]);
});

test('what is said in one turn goes as one message, and what cannot cross fails alone', async (t) => {
  const { near, noted, sent } = lines(t);
  near.tell('note', 'a');
  assert.deepEqual(await Promise.all([near.ask('double', 1), near.ask('double', 2)]), [2, 4]);
  assert.equal(sent.near, 1);
  const settled = await Promise.allSettled([near.ask('double', 3), near.ask('note', () => 0), near.ask('double', 4)]);
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(noted, ['a']);
  const answers = await Promise.allSettled([near.ask('double', 5), near.ask('show', undefined), near.ask('double', 6)]);
  assert.deepEqual(
    answers.map((answer) => answer.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});

test('a line that is cut tells whoever waits, and whoever asks later', async (t) => {
  const { near } = lines(t);
  const waiting = near.ask('double', 1);
  near.cut();
  await assert.rejects(waiting, (error) => isLockstepError(error, 'shuttingDown'));
  await assert.rejects(near.ask('double', 1), (error) => isLockstepError(error, 'shuttingDown'));
});

test('a question that the other end does not know is refused', async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.after(() => {
    port1.close();
  });
  const near = new Line<Asks, None>(port1, nothing);
  assert.ok(new Line<None, None>(port2, nothing));
  await assert.rejects(near.ask('double', 1), (error) => isLockstepError(error, 'internal'));
});

test('who waits for an answer goes on before what came after it in the same message', async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.after(() => {
    port1.close();
  });
  type Theirs = { readonly open: Ask<undefined, string> };
  type Pieces = { readonly piece: Ask<string, undefined> };
  const seen: string[] = [];
  const all = Promise.withResolvers<undefined>();
  const near = new Line<Theirs, Pieces>(port1, {
    piece: (text) => {
      if (seen.push(text) === 4) all.resolve(undefined);
      return undefined;
    },
  });
  const far: Line<Pieces, Theirs> = new Line<Pieces, Theirs>(port2, {
    open: () => {
      setImmediate(() => {
        for (const each of ['a', 'b']) far.tell('piece', each);
        setImmediate(() => {
          far.tell('piece', 'c');
        });
      });
      return 'opened';
    },
  });
  const opened = async (): Promise<string> => {
    const text = await near.ask('open', undefined);
    return text;
  };
  seen.push(await opened());
  await all.promise;
  assert.deepEqual(seen, ['opened', 'a', 'b', 'c']);
});
