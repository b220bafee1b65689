/** The `http` device: a POST for each entry. */
import { readFileSync } from 'node:fs';
import type { OutgoingHttpHeaders } from 'node:http';
import { fail } from '../../../../errors.ts';
import { errorCode } from '../../../../lib/error-code.ts';
import { validateHeaderName, validateHeaderValue } from '../../../../lib/node-http.ts';
import { parseFormatOptions, type DevicePermissions, type RawOptions } from '../../options.ts';
import { openRemoteDevice } from '../../spool/device.ts';
import { HttpSink } from '../../spool/http-sink.ts';
import { checkAllowed, parseTimeout } from '../addresses.ts';
import type { ParseDevice } from '../kind.ts';

export const httpOptionNames = ['uri', 'headers', 'write_timeout', 'tls_ca_cert'] as const;

/** What the connection itself says. */
const reserved = new Set(['content-length', 'transfer-encoding', 'connection', 'host', 'expect', 'upgrade']);

export const parseHttp: ParseDevice = (options, permissions) => {
  const format = parseFormatOptions(options, httpOptionNames, permissions);
  const uri = parseUri(resolved(options['uri'] ?? '', 'uri', permissions));
  checkAllowed(`${uri.origin}${uri.pathname}`, permissions);
  const headers = parseHeaders(options, permissions);
  const target = { uri, headers, timeout: parseTimeout(options, '10s'), ca: parseCa(options, permissions) };
  return {
    format,
    open: ({ warn, shared, spool }) =>
      openRemoteDevice(
        { type: 'http', frame: (line) => line, open: () => new HttpSink(target) },
        { ...spool, warn, shared },
      ),
  };
};

function parseUri(written: string): URL {
  if (written === '') throw fail('badRequest', 'audit option `uri` is missing');
  const uri = URL.canParse(written) ? new URL(written) : undefined;
  if (uri?.protocol !== 'http:' && uri?.protocol !== 'https:') {
    throw fail('badRequest', 'audit option `uri` must begin with https:// or http://');
  }
  return uri;
}

function parseHeaders(options: RawOptions, permissions: DevicePermissions): OutgoingHttpHeaders {
  const written = options['headers'] ?? '';
  if (written === '') return {};
  const made: Record<string, string[]> = {};
  for (const [name, values] of Object.entries(objectOf(written))) {
    if (!Array.isArray(values) || values.some((value) => typeof value !== 'string')) throw wrongHeaders();
    if (reserved.has(name.toLowerCase())) {
      throw fail('badRequest', `audit option \`headers\` cannot set ${name}: the connection does`);
    }
    if (values.length > 0) made[name] = values.map((value) => headerValue(name, String(value), permissions));
  }
  return made;
}

function objectOf(written: string): object {
  try {
    const parsed = JSON.parse(written) as unknown;
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch {
    // Said below.
  }
  throw wrongHeaders();
}

function wrongHeaders(): Error {
  return fail(
    'badRequest',
    'audit option `headers` must be a JSON object of lists, such as {"Authorization":["Bearer …"]}',
  );
}

function headerValue(name: string, written: string, permissions: DevicePermissions): string {
  const value = resolved(written, 'headers', permissions).trimEnd();
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch {
    // The value may be a secret.
    throw fail('badRequest', 'audit option `headers` has a name or a value that no header can have');
  }
  return value;
}

/** `file://PATH` and `env://NAME` stand for what is there: in the configuration alone, since the API must read neither. */
function resolved(written: string, option: string, { variables }: DevicePermissions): string {
  if (!/^(?:file|env|string):\/\//.test(written)) return written;
  if (written.startsWith('string://')) return written.slice('string://'.length);
  if (variables === undefined) {
    throw fail(
      'permissionDenied',
      `audit option \`${option}\` may name files and variables in the configuration alone`,
    );
  }
  if (written.startsWith('file://')) return textOf(written.slice('file://'.length), option);
  const name = written.slice('env://'.length);
  const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
  if (value === undefined) throw fail('badRequest', `audit option \`${option}\`: the variable ${name} is not set`);
  return value;
}

function parseCa(options: RawOptions, { variables }: DevicePermissions): string | undefined {
  const path = options['tls_ca_cert'] ?? '';
  if (path === '') return undefined;
  if (variables === undefined)
    throw fail('permissionDenied', 'audit option `tls_ca_cert` is for the configuration alone');
  return textOf(path, 'tls_ca_cert');
}

function textOf(path: string, option: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw fail('badRequest', `audit option \`${option}\`: the file ${path} cannot be read (${errorCode(error)})`);
  }
}
