/** `users/…` and `groups/…`: policies of those who log in. */
import { field } from '../../framework/field.ts';
import { descendants, listed, pageFields } from '../../framework/listing.ts';
import { pathsOf } from '../../framework/path.ts';
import { reply } from '../../framework/reply.ts';
import { encodeRecord } from '../../lib/record.ts';
import {
  foldedGroup,
  groupIn,
  groupKey,
  groupsPrefix,
  userIn,
  userKey,
  usersPrefix,
  type LdapGroup,
  type LdapUser,
} from './entries.ts';
import type { LdapMount } from './mount.ts';

const at = pathsOf<LdapMount>();

const each = (names: readonly string[]): readonly string[] => [...new Set(names.filter((name) => name !== ''))];
const policyNames = (names: readonly string[] = []): readonly string[] =>
  each(names.map((name) => name.toLowerCase())).toSorted();

const listOf = (pattern: 'users' | 'groups', prefix: string) =>
  at(pattern, {
    help: `Names of all ${pattern} that are kept here.`,
    fields: pageFields,
    operations: {
      list: {
        summary: `List ${pattern}`,
        writes: 'nothing',
        replies: { 200: { keys: field.list('Names.') }, 404: 'empty' },
        run: ({ view }, asked) => listed(descendants(view.shared, prefix), asked),
      },
    },
  });

const policies = field.list('Names of policies.');

const user = at('users/:name...', {
  help: 'Policies and groups of one user of the directory, beside those that the directory leads to.',
  fields: {
    name: field.name('Name of the user.'),
    groups: field.list('Groups beside those of the directory.'),
    policies,
  },
  exists: (mount, { name }) =>
    userIn(mount.view.shared, userKey(name, mount.configIn(mount.view.shared))) !== undefined,
  operations: {
    read: {
      summary: 'Read a user',
      writes: 'nothing',
      replies: { 200: { groups: field.string('Names of groups, divided by commas.'), policies }, 404: 'empty' },
      run: (mount, { name }) => {
        const found = userIn(mount.view.shared, userKey(name, mount.configIn(mount.view.shared)));
        return found === undefined
          ? reply.missing
          : reply.ok({ groups: found.groups.join(','), policies: found.policies });
      },
    },
    update: {
      summary: 'Write a user',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (mount, { name, groups = [], policies: given }) => {
        await mount.view.shared.transact((tx) => {
          const config = mount.configIn(tx);
          const record: LdapUser = {
            groups: each(groups.map((group) => foldedGroup(group.trim(), config))),
            policies: policyNames(given),
          };
          tx.put(userKey(name, config), encodeRecord(record));
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a user',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (mount, { name }) => {
        await mount.view.shared.transact((tx) => {
          tx.delete(userKey(name, mount.configIn(tx)));
        });
        return reply.empty;
      },
    },
  },
});

const group = at('groups/:name...', {
  help: 'Policies of those who are in a group of the directory.',
  fields: { name: field.name('Name of the group.'), policies },
  exists: (mount, { name }) =>
    groupIn(mount.view.shared, groupKey(name, mount.configIn(mount.view.shared))) !== undefined,
  operations: {
    read: {
      summary: 'Read a group',
      writes: 'nothing',
      replies: { 200: { policies }, 404: 'empty' },
      run: (mount, { name }) => {
        const found = groupIn(mount.view.shared, groupKey(name, mount.configIn(mount.view.shared)));
        return found === undefined ? reply.missing : reply.ok({ policies: found.policies });
      },
    },
    update: {
      summary: 'Write a group',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (mount, { name, policies: given }) => {
        await mount.view.shared.transact((tx) => {
          const record: LdapGroup = { policies: policyNames(given) };
          tx.put(groupKey(name, mount.configIn(tx)), encodeRecord(record));
        });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Delete a group',
      writes: 'shared',
      replies: { 204: 'empty' },
      run: async (mount, { name }) => {
        await mount.view.shared.transact((tx) => {
          tx.delete(groupKey(name, mount.configIn(tx)));
        });
        return reply.empty;
      },
    },
  },
});

export const entryPaths = [listOf('users', usersPrefix), listOf('groups', groupsPrefix), user, group];
