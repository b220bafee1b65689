import 'reflect-metadata';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as x509 from '@peculiar/x509';
import { makeAuthority, makeClient } from '../x509/authority.testing.ts';
import { pemFunctions } from './pem.ts';
import { parseTemplate } from './template.ts';

const functions = pemFunctions;
const render = (template: string, data: unknown): string => parseTemplate('t', template, { functions }).execute(data);

const identified = (own: string, issuer: string): { readonly extensions: x509.Extension[] } => ({
  extensions: [new x509.SubjectKeyIdentifierExtension(own), new x509.AuthorityKeyIdentifierExtension(issuer)],
});
const root = await makeAuthority('CN=root', identified('01', '01'));
const middle = await makeAuthority('CN=middle', { issuer: root, ...identified('02', '01') });
const names: x509.JsonGeneralNames = [
  { type: 'email', value: 'ada@example.com' },
  { type: 'ip', value: '2001:db8::1' },
  { type: 'ip', value: '10.0.0.1' },
  { type: 'dns', value: 'db.example.com' },
];
const leaf = await makeClient('CN=leaf', middle, { names, ...identified('03', '02') });
const other = await makeClient('CN=other', middle, identified('04', '09'));
const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';

test('picks the blocks of a type, and tells text that holds none from text without that type', () => {
  const all = `junk\n${key}${leaf.pem.trim()}\n${key}`;
  assert.equal(render('{{ filterPEM "private key" . }}', all), key + key);
  assert.equal(render('{{ filterPEM "CERTIFICATE" . }}', all).trim(), leaf.pem.trim());
  assert.equal(render('{{ filterPEM "EC PRIVATE KEY" . }}', all), '');
  assert.throws(() => render('{{ filterPEM "CERTIFICATE" . }}', 'canary-4711'), /error filtering pem: found junk/);
});

test('picks the place of a certificate in its chain, in whichever order they come', () => {
  const pems = { root: root.pem, intermediate: middle.pem, leaf: leaf.pem };
  for (const order of [
    [root, middle, leaf],
    [middle, leaf, root],
  ]) {
    const text = order.map(({ pem }) => pem).join('');
    for (const [type, pem] of Object.entries(pems)) {
      assert.equal(render(`{{ filterCertChain "${type}" . }}`, text).trim(), pem.trim(), type);
    }
  }
  assert.throws(() => render('{{ filterCertChain "leaf" . }}', leaf.pem + other.pem), /multiple leaf or disjunct/);
  assert.throws(() => render('{{ filterCertChain "leaf" . }}', ''), /no leaf certificate found/);
});

test('certSANs gives names, addresses, mail addresses', () => {
  const found = '[db.example.com 2001:db8::1 10.0.0.1 ada@example.com]';
  assert.equal(render('{{ certSANs . }}', leaf.pem), found);
  assert.equal(render('{{ certSANs . }}', root.pem), '[]');
});

test('certSANs refuses what is no certificate', () => {
  assert.throws(() => render('{{ certSANs . }}', key), /failed to parse certificate/);
  assert.throws(() => render('{{ certSANs . }}', ''), /failed to decode PEM block/);
});
