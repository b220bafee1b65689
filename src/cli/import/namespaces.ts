/** Namespaces, from the outermost inwards. */
import type { Client } from '../../client/client.ts';
import { isObject } from '../../client/json.ts';
import { settle } from './definition.ts';
import { usableNames } from './names.ts';
import { again, namesAt, readData, structural, type Run, type Scope } from './run.ts';

/** A namespace, then all below it. Those that the filter does not reach are left out, with all below. */
export async function* scopesOf(run: Run, scope: Scope): AsyncGenerator<Scope> {
  yield scope;
  const known = new Set(scope.target === undefined ? [] : await namesAt(scope.target, 'sys/namespaces'));
  const names = await namesAt(scope.source, 'sys/namespaces');
  for (const name of usableNames(run, { kind: 'namespace', folder: scope.path }, names)) {
    const path = scope.path + name;
    if (!run.filter.reaches(path)) continue;
    if (!(await settleNamespace(run, scope, name))) continue;
    const there = known.has(name) || run.mode === 'copy';
    const inner = { path, source: below(scope.source, name), target: there ? below(scope.target, name) : undefined };
    yield* scopesOf(run, inner);
  }
}

function below<C extends Client | undefined>(client: C, name: string): C extends Client ? Client : Client | undefined {
  const outer = (client?.settings.namespace ?? '').replace(/\/*$/, '');
  const namespace = `${outer === '' ? '' : `${outer}/`}${name.replace(/\/$/, '')}`;
  return client?.with({ namespace }) as C extends Client ? Client : Client | undefined;
}

async function settleNamespace(run: Run, scope: Scope, name: string): Promise<boolean> {
  const path = `sys/namespaces/${name.replace(/\/$/, '')}`;
  const read = async (client: Client) => {
    const found = await readData(client, path);
    return found && { custom_metadata: isObject(found['custom_metadata']) ? found['custom_metadata'] : {} };
  };
  return settle(structural(run), scope, {
    kind: 'namespace',
    path,
    source: () => read(scope.source),
    target: read,
    write: async (client, wanted) => {
      await client.write(path, wanted, again);
    },
  });
}
