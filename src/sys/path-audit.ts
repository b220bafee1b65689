/** `sys/audit` and `sys/audit-hash`: the audit devices of this node. */
import type { KnownDevice } from '../core/audit/known-device.ts';
import type { Node } from '../core/node.ts';
import { field, type JsonObject } from '../framework/field.ts';
import { pathsOf } from '../framework/path.ts';
import { reply } from '../framework/reply.ts';

const at = pathsOf<Node>();

const path = field.name('Path of the device.');

function shown({ path: point, type, description, options, local }: KnownDevice): JsonObject {
  return { path: point, type, description, options, local };
}

const audit = at('audit', {
  help: 'The audit devices of this node.',
  access: 'root',
  fields: {},
  operations: {
    read: {
      summary: 'List audit devices',
      writes: 'nothing',
      replies: { 200: 'any' },
      run: (node) => {
        const devices = node.services.auditDevices.list().map((device) => [device.path, shown(device)]);
        return { ...reply.ok(Object.fromEntries(devices) as JsonObject), flat: true };
      },
    },
  },
});

const device = at('audit/:path...', {
  help: 'Enables and disables one audit device.',
  description:
    'A device records every request and response, its secrets as keyed hashes. Devices that the configuration declares ' +
    'cannot be changed here; one made here may write and send only where `allow_audit_paths` and ' +
    '`allow_audit_addresses` of the configuration say.',
  access: 'root',
  fields: {
    path,
    type: field.string('Type of the device: file, http, socket or syslog.', { default: '' }),
    description: field.string('For people.', { default: '' }),
    options: field.map(
      'All: prefix, log_raw, hmac_accessor, elide_list_responses, format, skip_test, filter, fallback, exclude. file: ' +
        'file_path (or path), mode, sync. socket: address, socket_type, write_timeout. syslog: facility, tag, address, ' +
        'write_timeout. http: uri, headers, write_timeout, tls_ca_cert.',
      { default: {} },
    ),
    local: field.boolean('Devices always belong to one node.', { default: false }),
  },
  operations: {
    update: {
      summary: 'Enable an audit device',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (node, { path: point, type, description, options, local }) => {
        await node.services.auditDevices.enable(point, { type, description, options, local });
        return reply.empty;
      },
    },
    delete: {
      summary: 'Disable an audit device',
      writes: 'local',
      replies: { 204: 'empty' },
      run: async (node, values) => {
        await node.services.auditDevices.disable(values.path);
        return reply.empty;
      },
    },
  },
});

const auditHash = at('audit-hash/:path...', {
  help: 'What stands in the log of a device for a text.',
  fields: { path, input: field.required(field.string('The text.')) },
  operations: {
    update: {
      summary: 'Hash a text as an audit device does',
      writes: 'nothing',
      replies: { 200: { hash: field.string('`hmac-sha256:` and 64 hexadecimal digits.') } },
      run: (node, values) => ({
        ...reply.ok({ hash: node.services.auditDevices.hash(values.path, values.input) }),
        flat: true,
      }),
    },
  },
});

export const auditPaths = [audit, device, auditHash];
