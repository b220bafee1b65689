/** What this node and its machine are: `sys/host-info`, `in-flight-req`, `version-history`, `ha-status`, `step-down`. */
import { hostname } from 'node:os';
import type { Node } from '../core/node.ts';
import { installedVersions } from '../core/versions.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';
import { hostFacts } from '../lib/host.ts';
import { version } from '../lib/version.ts';

const at = pathsOf<Node>();

const hostInfo = at('host-info', {
  help: 'Processors, memory and disks of the machine of this node.',
  fields: {},
  operations: {
    read: {
      summary: 'Facts about the host',
      writes: 'nothing',
      replies: {
        200: {
          timestamp: field.time('When they were collected.'),
          cpu: field.objects('Processors.'),
          cpu_times: field.objects('Seconds that each processor has spent.'),
          disk: field.objects('File systems on devices.'),
          host: field.object('The machine.'),
          memory: field.object('Bytes.'),
        },
      },
      run: async (_node, _values, call) => reply.ok({ ...(await hostFacts(call.now)) }),
    },
  },
});

const inFlight = at('in-flight-req', {
  help: 'The requests that this node is serving right now, on all of its threads.',
  fields: {},
  operations: {
    read: {
      summary: 'Requests in work',
      writes: 'nothing',
      replies: { 200: 'any' },
      form: 'bare',
      run: async (node) => {
        const shown = (await node.inFlight()).map(({ id, method, path, address, start }): [string, JsonObject] => [
          id,
          {
            start_time: new Date(start).toISOString(),
            client_remote_address: address,
            request_path: `/v1/${path}`,
            request_method: method,
          },
        ]);
        return { status: 200, bare: Object.fromEntries(shown) };
      },
    },
  },
});

const versionHistory = at('version-history', {
  help: 'The versions that this node has run.',
  namespaces: true,
  fields: {},
  operations: {
    list: {
      summary: 'Versions that were installed',
      writes: 'nothing',
      replies: { 200: { keys: field.list('The oldest first.'), key_info: field.object('By version.') } },
      run: (node) => {
        const all = installedVersions(node.services.store);
        const info = all.map(({ version: name, installed, previous }) => [
          name,
          {
            build_date: '',
            previous_version: previous,
            timestamp_installed: new Date(installed).toISOString(),
          },
        ]);
        return reply.keys(
          all.map(({ version: name }) => name),
          { key_info: Object.fromEntries(info) as JsonObject },
        );
      },
    },
  },
});

const haStatus = at('ha-status', {
  help: 'The nodes of this cluster: this one.',
  fields: {},
  operations: {
    read: {
      summary: 'Nodes of the cluster',
      writes: 'nothing',
      replies: { 200: { nodes: field.objects('Each node.') } },
      run: () => ({
        ...reply.ok({
          nodes: [
            {
              hostname: hostname(),
              api_address: '',
              cluster_address: '',
              active_node: true,
              last_echo: null,
              version,
            },
          ],
        }),
        flat: true,
      }),
    },
  },
});

const stepDown = at('step-down', {
  help: 'Gives up leadership. A node that is alone has nobody to give it to, and goes on.',
  access: 'root',
  fields: {},
  operations: {
    update: {
      summary: 'Step down',
      writes: 'local',
      replies: { 204: 'empty' },
      run: () => reply.empty,
    },
  },
});

export const hostPaths = [hostInfo, inFlight, versionHistory, haStatus, stepDown];
