/** A role: which certificates log in by it, and what they get. */
import { fail } from '../../errors.ts';
import { field, type JsonObject, type Values } from '../../framework/field.ts';
import type { Compartment } from '../../framework/plugin.ts';
import { defined } from '../../lib/defined.ts';
import { decodeRecord } from '../../lib/record.ts';
import {
  applyTokenFields,
  NO_TOKEN_SETTINGS,
  oldTokenFields,
  shownTokenSettings,
  tokenFields,
  type TokenSettings,
  withOldNames,
} from '../token-fields.ts';

/** Lists are patterns, in which `*` stands for any text; an empty one allows all. */
export interface CertRole {
  /** PEM. The first one decides: an authority vouches for clients, any other is itself the one that logs in. */
  readonly certificate: string;
  readonly displayName: string;
  readonly names: readonly string[];
  readonly commonNames: readonly string[];
  readonly dnsNames: readonly string[];
  readonly emails: readonly string[];
  readonly uris: readonly string[];
  readonly organizationalUnits: readonly string[];
  readonly requiredExtensions: readonly string[];
  /** OIDs. */
  readonly metadataExtensions: readonly string[];
  readonly ocsp: {
    readonly enabled: boolean;
    /** PEM. */
    readonly authorities: string;
    readonly servers: readonly string[];
    readonly failOpen: boolean;
    readonly queryAll: boolean;
  };
  readonly token: TokenSettings;
}

const NEW: CertRole = {
  ...{ certificate: '', displayName: '', names: [], commonNames: [], dnsNames: [], emails: [], uris: [] },
  ...{ organizationalUnits: [], requiredExtensions: [], metadataExtensions: [] },
  ocsp: { enabled: false, authorities: '', servers: [], failOpen: false, queryAll: false },
  token: NO_TOKEN_SETTINGS,
};

export const rolesPrefix = 'cert/';

/** The same object until the record changes: what is made of it can be kept with it. */
export const readRole = (from: Pick<Compartment, 'kept'>, name: string): CertRole | undefined =>
  from.kept(rolesPrefix + name.toLowerCase(), decodeRecord<CertRole>);

const { num_uses: _unknown, ...oldFields } = oldTokenFields;

export const roleFields = {
  certificate: field.string('PEM: an authority whose certificates log in, or the one certificate that does.'),
  allowed_names: field.list('Patterns: one must fit the common name, a DNS name or a mail address.'),
  allowed_common_names: field.list('Patterns: one must fit the common name.'),
  allowed_dns_sans: field.list('Patterns: one must fit a DNS name.'),
  allowed_email_sans: field.list('Patterns: one must fit a mail address.'),
  allowed_uri_sans: field.list('Patterns: one must fit a URI.'),
  allowed_organizational_units: field.list('Patterns: one must fit an organizational unit.'),
  required_extensions: field.list(
    'Each must be there: oid:pattern for a text in ASN.1, hex:oid:pattern for the bytes in hexadecimal.',
  ),
  allowed_metadata_extensions: field.list('OIDs of extensions whose texts become metadata of the token.'),
  ocsp_enabled: field.boolean('Ask OCSP at each login whether the certificate is revoked.'),
  ocsp_ca_certificates: field.string('PEM: authorities that OCSP responders may be of, beside the issuer.'),
  ocsp_servers_override: field.list('Addresses of OCSP responders, in place of what the certificate names.'),
  ocsp_fail_open: field.boolean('Let in when nobody can tell whether the certificate is revoked.'),
  ocsp_query_all_servers: field.boolean('Ask all responders, of which each must say that it is good.'),
  display_name: field.string('What tokens are shown as.'),
  ...tokenFields,
  ...oldFields,
  lease: field.integer('Old name of token_ttl.'),
};

type GivenRole = Values<typeof roleFields>;

function checkAddress(address: string): void {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if ((url?.protocol === 'http:' || url?.protocol === 'https:') && url.username === '' && url.password === '') return;
  throw fail('badRequest', 'ocsp_servers_override: an address is no http:// or https:// URL');
}

const EXTENSION = /^(?:hex:)?[0-9]+(?:\.[0-9]+)+:/;

function checkLists({ requiredExtensions, metadataExtensions, ocsp }: CertRole): void {
  for (const extension of requiredExtensions) {
    if (!EXTENSION.test(extension)) {
      throw fail('badRequest', 'required_extensions: each is oid:pattern or hex:oid:pattern, as 1.2.3.4:*');
    }
  }
  if (!metadataExtensions.every((oid) => /^[0-9]+(?:\.[0-9]+)+$/.test(oid))) {
    throw fail('badRequest', 'allowed_metadata_extensions: each is an OID, as 1.2.3.4');
  }
  ocsp.servers.forEach(checkAddress);
}

/** `given` over what was there; its certificates are not looked at. Throws `badRequest`. */
export function changedRole(before: CertRole | undefined, given: GivenRole): CertRole {
  const base = before ?? NEW;
  const { lease } = given;
  const named = withOldNames(given);
  const role: CertRole = {
    ...base,
    ...defined({
      certificate: given.certificate,
      displayName: given.display_name,
      names: given.allowed_names,
      commonNames: given.allowed_common_names,
      dnsNames: given.allowed_dns_sans,
      emails: given.allowed_email_sans,
      uris: given.allowed_uri_sans,
      organizationalUnits: given.allowed_organizational_units,
      requiredExtensions: given.required_extensions,
      metadataExtensions: given.allowed_metadata_extensions,
    }),
    ocsp: {
      ...base.ocsp,
      ...defined({
        enabled: given.ocsp_enabled,
        authorities: given.ocsp_ca_certificates,
        servers: given.ocsp_servers_override,
        failOpen: given.ocsp_fail_open,
        queryAll: given.ocsp_query_all_servers,
      }),
    },
    token: applyTokenFields(base.token, { ...named, token_ttl: named.token_ttl ?? lease }),
  };
  checkLists(role);
  return role;
}

export function shownRole(role: CertRole): JsonObject {
  return {
    certificate: role.certificate,
    display_name: role.displayName,
    allowed_names: role.names,
    allowed_common_names: role.commonNames,
    allowed_dns_sans: role.dnsNames,
    allowed_email_sans: role.emails,
    allowed_uri_sans: role.uris,
    allowed_organizational_units: role.organizationalUnits,
    required_extensions: role.requiredExtensions,
    allowed_metadata_extensions: role.metadataExtensions,
    ocsp_ca_certificates: role.ocsp.authorities,
    ocsp_enabled: role.ocsp.enabled,
    ocsp_servers_override: role.ocsp.servers,
    ocsp_fail_open: role.ocsp.failOpen,
    ocsp_query_all_servers: role.ocsp.queryAll,
    ...shownTokenSettings(role.token),
  };
}
