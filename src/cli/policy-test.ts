/** `policy test`: may somebody do something, and by which line; asked of the server, without a login. */
import { isIP } from 'node:net';
import { isObject } from '../client/json.ts';
import { defined } from '../lib/defined.ts';
import { command } from './command.ts';
import type { Context } from './context.ts';
import { cleanPath } from './data.ts';
import { CommandError, during, exit } from './errors.ts';
import { flag, UsageError, type ValuesOf } from './flags.ts';
import { toText } from './go-format.ts';
import { policyPathHint } from './kv-path.ts';
import { parsePairs } from './pairs.ts';
import { operations, isOperation } from './policy-operations.ts';
import { supposedClaims } from './supposed-claims.ts';
import { headedTable } from './table.ts';

const COLUMNS = ['policy', 'line', 'path', 'capabilities', 'effect'] as const;

type Data = Readonly<Record<string, unknown>>;

function shown(found: Data): string {
  const rules = Array.isArray(found['rules']) ? found['rules'].filter((rule) => isObject(rule)) : [];
  const rows = rules.map((rule) => COLUMNS.map((column) => cell(rule, column)));
  const verdict = `${found['allowed'] === true ? 'allowed' : 'refused'}: ${toText(found['reason'])}`;
  const table = rows.length === 0 ? [] : [headedTable(COLUMNS, rows)];
  return [verdict, ...shownLogin(found['login']), ...table].join('\n\n');
}

/** What the login would give that was asked about. */
function shownLogin(login: unknown): readonly string[] {
  if (!isObject(login)) return [];
  const list = (name: string): string => {
    const value = login[name];
    return Array.isArray(value) && value.length > 0 ? value.map(toText).join(', ') : '(none)';
  };
  const known = login['first_login'] === true ? 'has not logged in yet' : `entity ${toText(login['entity_name'])}`;
  return [
    [
      `login      ${toText(login['alias'])} (${known})`,
      `groups     ${list('groups')}`,
      `policies   ${list('token_policies')}; by identity: ${list('identity_policies')}`,
      `assumed    ${list('assumed_claims')}`,
      ...bounds(login),
      `not judged ${list('not_judged')}`,
    ].join('\n'),
  ];
}

/** What else such a login meets. */
function bounds({ bound_cidrs: cidrs, second_factors: factors, quotas }: Data): readonly string[] {
  const asked = Array.isArray(factors) ? factors.filter((each) => isObject(each)) : [];
  const named = isObject(quotas) ? Object.entries(quotas) : [];
  return [
    ...(Array.isArray(cidrs) && cidrs.length > 0 ? [`usable at  ${cidrs.map(toText).join(', ')}`] : []),
    ...asked.map(({ namespace, enforcement, methods, enrolled }) => {
      const names = Array.isArray(methods) ? methods.map(toText).join(' or ') : '';
      const known = enrolled === true ? '' : ', which it does not have yet';
      return `2nd factor ${toText(namespace)}${toText(enforcement)}: ${names}${known}`;
    }),
    ...named.map(([kind, name]) => `quota      ${toText(name)} (${kind.replace('_', ' ')})`),
  ];
}

function cell(rule: Data, column: (typeof COLUMNS)[number]): string {
  const value = rule[column];
  if (column === 'policy') return toText(rule['namespace']) + toText(value);
  return Array.isArray(value) ? value.map(toText).join(', ') : toText(value);
}

const looksLikeId = (text: string): boolean => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(text);

const flags = {
  accessor: flag.text('The accessor of a token.'),
  entity: flag.text('An entity, by its name or id.'),
  policy: flag.list('A policy; beside -entity, one that a login would add.', { value: 'name' }),
  auth: flag.text('The auth method, by its path: what a login there would give. Nobody logs in.'),
  role: flag.text('The role of that login; default: that of the method. A CEL role is cel/NAME.'),
  claims: flag.items('A claim of its token, or all of them as @file: JSON, or a token whose payload counts.', {
    value: 'name=value',
  }),
  'service-account': flag.text('The claims of a service account, NAMESPACE/NAME.'),
  uid: flag.text('Its uid; without one it is an account that has not logged in yet.'),
  from: flag.text('The address that the login comes from. Without one it is not judged from where it may come.'),
  'wrap-ttl-asked': flag.duration('How long the reply would be wrapped.'),
  'event-type': flag.text('For subscribe: the type of the event.'),
};

type Values = ValuesOf<typeof flags>;

/** Throws UsageError: the server would name its own field. */
function checkFrom({ from, auth }: Values): void {
  if (from === undefined) return;
  if (isIP(from) === 0) throw new UsageError(`invalid value "${from}" for flag -from: expected an IP address`);
  if (auth === undefined)
    throw new UsageError('-from is the address of a login: give -auth, and the claims of its token');
}

/** Whose rights are asked about. */
async function whom(context: Context, values: Values): Promise<Data> {
  checkFrom(values);
  const { entity = '', policy, claims, 'service-account': account, uid } = values;
  const asksClaims = claims.length > 0 || account !== undefined || uid !== undefined;
  return defined({
    ...{ accessor: values.accessor, auth: values.auth, role: values.role, address: values.from },
    ...(entity === '' ? {} : { [looksLikeId(entity) ? 'entity_id' : 'entity_name']: entity }),
    policies: policy.length === 0 ? undefined : policy,
    claims: asksClaims ? await supposedClaims(context, { claims, account, uid }) : undefined,
  });
}

/** What the request would hold. */
async function sent(context: Context, values: Values, pairs: readonly string[]): Promise<Data> {
  return defined({
    parameters: pairs.length === 0 ? undefined : await parsePairs(context, pairs),
    wrap_ttl: values['wrap-ttl-asked'],
    event_type: values['event-type'],
  });
}

export const test = command({
  summary: 'Say whether somebody may do something, and by which line of which policy',
  description:
    `OPERATION is one of ${operations.join(', ')}. Nothing is done. Of whom it is asked: of an accessor's token, of an entity ` +
    'with its groups, of policies, of who would log in with given claims (-auth and -role, with -claims or ' +
    '-service-account), or of the own token. Ends with 0 when it is allowed, and with 2 when it is not, as the ' +
    'request itself would.',
  args: { usage: 'OPERATION PATH [K=V...]', least: 2, most: Number.POSITIVE_INFINITY },
  flags: flags,
  output: 'format',
  examples: [
    { note: 'The own token:', line: 'policy test read secret/data/web/db' },
    { note: 'Somebody, with what they would send:', line: 'policy test -entity=ada update secret/data/web/db ttl=1h' },
    {
      note: 'A pod, before it logs in:',
      line: 'policy test -auth=prod-eu -role=workload -service-account=shop/web read kv/data/web',
    },
    {
      note: 'A pipeline, by what its token says:',
      line: 'policy test -auth=jwt -role=ci -claims=@payload.json read secret/data/deploy',
    },
    { note: 'A policy before anybody has it:', line: 'policy test -policy=web delete secret/data/web/db' },
  ],
  run: async (context, { values, args: [operation = '', path = '', ...pairs] }) => {
    if (!isOperation(operation)) {
      throw new CommandError(`no operation "${operation}": it is one of ${operations.join(', ')}`);
    }
    const about = { ...(await whom(context, values)), ...(await sent(context, values, pairs)) };
    const body = { operation, path: cleanPath(path), ...about };
    const work = context.client.write('sys/policies/test', body, { replay: 'safe' });
    const answer = await during('Error testing policies', work);
    const found = answer?.data ?? {};
    await context.out.value(found, () => shown(found));
    if (answer !== undefined) context.out.warnings(answer);
    if (found['allowed'] === true) return exit.ok;
    const hint = await policyPathHint(context, path);
    if (hint !== undefined) context.out.note(hint);
    return exit.server;
  },
});
