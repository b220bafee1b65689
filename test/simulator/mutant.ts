/** Plays histories until one fails, and prints the rule that it broke: `node mutant.ts <first seed> <count>`. */
import { firstFailure } from './history.ts';

const failure = firstFailure(Number(process.argv[2]), Number(process.argv[3]));
console.log(failure === undefined ? 'survived' : String(failure.error).split('\n')[0]);
