/**
 * Loaded into a server by `--import`: appends a line to the file that LOCKSTEP_REPLY_PROBLEMS names for each reply that is
 * not as its path declares it. The server itself is the one that users start.
 */
import { appendFileSync } from 'node:fs';
import { watchReplies } from './checked-replies.ts';

const file = process.env['LOCKSTEP_REPLY_PROBLEMS'];
if (file === undefined) throw new Error('LOCKSTEP_REPLY_PROBLEMS names no file');
watchReplies((problem) => {
  appendFileSync(file, `${problem}\n`);
});
