import { isLockstepError } from '../errors.ts';
import { KubernetesProblem } from '../kube/problem.ts';

/** The exit code of `command`; a problem of its user's, or of a cluster's, is told on stderr and gives 1. Rejects with all else. */
export async function told(command: () => Promise<number>, before = 'error'): Promise<number> {
  try {
    return await command();
  } catch (error) {
    if (!isLockstepError(error) && !(error instanceof KubernetesProblem)) throw error;
    process.stderr.write(`${before}: ${error.message}\n`);
    return 1;
  }
}
