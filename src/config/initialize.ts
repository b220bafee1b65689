/** What an `initialize` block says, judged before anything starts: a first start that fails costs the data directory. */
import { isMap, isOperation, isSource, OPERATIONS, placeOf, type ProfileKind } from '../lib/profile/profile.ts';
import { problemsIn, referenceOf } from '../lib/profile/sources.ts';
import type { Reader } from './reader.ts';
import type { Read } from './schema.ts';
import type { serverKeys } from './server-schema.ts';

export type Initialize = Read<typeof serverKeys>['initialize'][number];
export type InitializeRequest = Initialize['request'][number];

export const INITIALIZE: ProfileKind = {
  outer: 'initialize',
  sources: ['env', 'file', 'request', 'response', 'cel', 'template'],
};

interface Judged {
  readonly initialize: readonly Initialize[];
  readonly seal: readonly { readonly type: string; readonly disabled: boolean }[];
  readonly dev: unknown;
  readonly region: unknown;
}

export function judgeInitialize(reader: Reader, { initialize, seal, dev, region }: Judged): void {
  if (initialize.length === 0) return;
  const refuse = (why: string): void => {
    reader.problem('configuration', `\`initialize\` ${why}`);
  };
  if (dev !== undefined) refuse('is not for the development server, which is initialised anyhow');
  else if (seal.some(({ type, disabled }) => type === 'shamir' && !disabled)) {
    refuse(
      'needs a seal that opens by itself: `seal "static"`, `seal "transit"` or `seal "awskms"`; ' +
        'on a node that is initialised already, remove the blocks',
    );
  }
  if (region !== undefined) refuse('is not for a region: what it holds comes from its hub');
  const earlier = new Set<string>();
  for (const { name, when, request } of initialize) {
    if (request.length === 0) refuse(`"${name}" has no \`request\``);
    const judging = { kind: INITIALIZE, fields: undefined, earlier };
    const tell = (place: string, problems: readonly string[]): void => {
      for (const problem of problems) reader.problem('configuration', `${place}: ${problem}`);
    };
    tell(placeOf(INITIALIZE, name), problemsIn(when, judging));
    for (const each of request) {
      const sources = [each.operation, each.path, each.token, each.data, each.headers, each.when, each.allow_failure];
      const problems = [...literals(each), ...sources.flatMap((value) => problemsIn(value, judging))];
      tell(placeOf(INITIALIZE, name, each.name), problems);
      earlier.add(referenceOf(name, each.name));
    }
  }
}

/** Of what is written as it is. */
function literals({ operation, path, token, data }: InitializeRequest): readonly string[] {
  const texts = Object.entries({ path, token }).flatMap(([name, value]) =>
    value === undefined || typeof value === 'string' || isSource(value)
      ? []
      : [`\`${name}\` must be a string or a source`],
  );
  const known = isSource(operation) || isOperation(operation);
  return [
    ...(known ? [] : [`\`operation\` must be one of ${Object.keys(OPERATIONS).join(', ')}`]),
    ...texts,
    ...(data === undefined || isMap(data) ? [] : ['`data` must be a block']),
  ];
}
