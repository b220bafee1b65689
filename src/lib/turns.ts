/**
 * Turns for work that holds its thread for a while: one piece of it a round of the event loop, and what has come in meanwhile
 * goes between two. Without, a round does all that has become ready in it, and forty logins by a slow program are one halt.
 */
import { nextTurn } from './next-turn.ts';

let last: Promise<void> = Promise.resolve();

/** Resolves when it is the caller's turn, which lasts until it waits for something. In the order of asking. */
export function ownTurn(): Promise<void> {
  last = last.then(nextTurn);
  return last;
}
