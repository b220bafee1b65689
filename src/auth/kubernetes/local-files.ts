/** The files that a pod finds of its own cluster, for a node that runs in one. */
import { readFile } from 'node:fs/promises';
import { fail } from '../../errors.ts';
import { errorCode } from '../../lib/error-code.ts';

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

async function contents(name: string): Promise<string> {
  try {
    return await readFile(`${FOLDER}/${name}`, 'utf8');
  } catch (error) {
    throw fail(
      'badRequest',
      `${FOLDER}/${name}: ${errorCode(error)}. This node runs in no pod: set kubernetes_ca_cert`,
    );
  }
}

/** Throws `badRequest` where there is none. */
export const localAuthority = (): Promise<string> => contents('ca.crt');

/** It is renewed there, so it is read each time. Throws `badRequest` where there is none. */
export const localToken = async (): Promise<string> => (await contents('token')).trim();
