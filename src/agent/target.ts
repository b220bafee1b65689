/** What is kept in place from what was read: a secret in a file, a template's output in a file or in the environment. */
import type { SecretFile } from '../config/agent.ts';
import type { ChangeCommand } from './command-runner.ts';
import { place } from './place.ts';
import { render } from './render.ts';
import { keyOf, type Found, type Question } from './source.ts';

/** What is known of a question's answer; `absent` where the server says that there is nothing, or nothing for us. */
export type Lookup = (key: string) => Found | 'absent' | undefined;

export interface Rendering {
  /** All that it asked for, by key. */
  readonly needs: ReadonlyMap<string, Question>;
  /** Puts it in place; undefined while something that it needs is not known. Rejects as `place` does. */
  readonly put: (() => Promise<'written' | 'unchanged'>) | undefined;
  /** What its owner should know of what was rendered. */
  readonly warning?: string | undefined;
}

export interface Target extends ChangeCommand {
  /** The file; undefined where there is none. */
  readonly destination: string | undefined;
  /** Whether a missing directory is made (default). */
  readonly createsDirectories?: boolean;
  /** Seconds after which the file of a deleted secret is removed; absent, it is kept. */
  readonly remove_after?: number | undefined;
  /** Whether it depends on more than secrets, so that each reading renders it again. */
  readonly impure: boolean;
  /** Whether its failure ends the agent. */
  readonly fatal: boolean;
  /** Whether `exit_on_retry_failure` is about what it waits for. */
  readonly impatient: boolean;
  /** Throws what is wrong with it: an error whose message shows no secret. */
  readonly render: (lookup: Lookup) => Rendering;
}

export function secretTarget(secret: SecretFile): Target {
  const { destination: path, mode, user, group } = secret;
  const question: Question = { kind: 'read', path: secret.path, optional: false };
  const needs = new Map([[keyOf(question), question]]);
  return {
    ...secret,
    impure: false,
    fatal: false,
    impatient: false,
    render: (lookup) => {
      const found = lookup(secret.path);
      if (found === undefined || found === 'absent') return { needs, put: undefined };
      const bytes = render(found.data, secret);
      const put = async (): Promise<'written' | 'unchanged'> => {
        const outcome = await place(bytes, { path, mode, user, group });
        bytes.fill(0);
        return outcome;
      };
      return { needs, put, warning: Object.keys(found.data).length === 0 ? 'the secret is empty' : undefined };
    },
  };
}
