/** One Vault Agent configuration, run by OpenBao's own agent and by ours against its real server: the same files. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openbao, startOpenBao, type OpenBao } from './support/openbao.ts';
import { must, run } from './support/run.ts';
import { executable } from './support/server.ts';

const bao = await openbao();
const skip = bao === undefined ? 'OpenBao cannot be had' : false;

const get = (rest: string): string => `{{ with secret "secret/data/app/db" }}${rest}{{ end }}`;
const templates: readonly string[] = [
  get('{{ .Data.data.password }}'),
  // The path may leave `data/` out.
  '{{ with secret "secret/app/db" }}{{ .Data.data.user }}:{{ .Data.data.password }}{{ end }}',
  '{{ with secret "/secret/app/db/" }}{{ range $k, $v := .Data.data }}{{ $k }}={{ $v }}\n{{ end }}{{ end }}',
  get(
    '{{ .Data.metadata.version }} {{ .Data.metadata.destroyed }} {{ .LeaseID }} {{ .LeaseDuration }} {{ .Renewable }}',
  ),
  get('{{ .Data.data.port }} {{ .Data.data.ratio }} {{ .Data.data.none }} {{ .Data.data.big }} {{ .Data.data.on }}'),
  get('{{ if eq .Data.data.port "5432" }}yes{{ end }}{{ if .Data.data.zero }}z{{ end }}'),
  get('{{ .Data.data.nested.a.b }} {{ index .Data.data.list 1 }} {{ len .Data.data.list }}'),
  get('{{ .Data.data | toJSON }}'),
  get('{{ .Data.data | toJSONPretty }}'),
  get('{{ .Data.data | toUnescapedJSON }}'),
  get('{{ .Data.data | toUnescapedJSONPretty }}'),
  get('{{ .Data.data | toYAML }}'),
  get('{{ .Data.data.nested | toTOML }}'),
  get('{{ .Data.data.missing }}'),
  get('{{ .Data.data.pem | indent 4 }}'),
  get('{{ .Data.data.pem | base64Encode }} {{ .Data.data.user | base64URLEncode | base64URLDecode }}'),
  get('{{ .Data.data.json | parseJSON | toTOML }}'),
  '{{ with secret "kv1/plain" }}{{ .Data.a }}{{ end }}',
  '{{ with secret "secret/data/app/db?version=1" }}{{ .Data.data.password }}{{ end }}',
  '{{ range secrets "secret/metadata/app/" }}{{ . }} {{ end }}',
  '{{ range secrets "secret/app" }}{{ . }} {{ end }}',
  '{{ range secrets "kv1" }}{{ . }} {{ end }}',
  '{{ range secrets "secret/nothing" }}{{ . }}{{ else }}none{{ end }}',
  // What is read depends on what was read.
  '{{ range secrets "secret/app" }}{{ with secret (printf "secret/app/%s" .) }}{{ .Data.data | toJSON }}\n{{ end }}{{ end }}',
  '{{ define "x" }}<{{ . }}>{{ end }}{{ with secret "secret/app/db" }}{{ executeTemplate "x" .Data.data.user }}{{ end }}',
  get('{{ scratch.MapSet "m" "k" .Data.data.user }}{{ scratch.MapValues "m" }}'),
  get('{{ .Data.data.user | toUpper | sprig_trunc 2 }}{{ .Data.data.password | sha256Hex }}'),
  '{{ with secret "sys/tools/hash/sha2-256" "input=aGVsbG8=" " format = base64 " "" }}{{ .Data.sum }} {{ .LeaseDuration }}{{ end }}',
  '{{ with secret "secret/other/made" "k=v=w" }}{{ .Data.destroyed }}{{ end }}',
  'static\n',
  '{{- /* nothing but a comment */ -}}\n  trimmed  {{- "" }}',
];

const db = {
  ...{ user: 'app', password: 'p<&>ä"\\', port: 5432, ratio: 0.5, none: null, big: 123456789012, zero: 0, on: true },
  ...{ pem: '-----BEGIN\nline\n\n-----END\n', json: '{"a":{"b":[1,2.5,"x"]},"c":null,"d":true}' },
  ...{ list: ['x', 'y', 7], nested: { a: { b: 'deep', n: 3 }, text: 'two\nlines', 'odd key': 'q"q' } },
};

async function filled(server: OpenBao): Promise<void> {
  const ok = async (method: string, path: string, body: unknown): Promise<void> => {
    const { status } = await server.ask(method, path, body);
    assert.ok(status < 300, `${method} ${path}: ${status}`);
  };
  await ok('POST', 'sys/mounts/kv1', { type: 'kv', options: { version: '1' } });
  await ok('POST', 'kv1/plain', { a: 'one' });
  await ok('POST', 'secret/data/app/db', { data: { password: 'old' } });
  await ok('POST', 'secret/data/app/db', { data: db });
  await ok('POST', 'secret/data/app/web', { data: { key: 'k1' } });
}

function workplace(t: TestContext): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'lockstep-templates-'));
  t.after(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });
  fs.writeFileSync(join(folder, 'token'), 'root', { mode: 0o600 });
  return folder;
}

const named = (place: number): string => `out-${String(place).padStart(2, '0')}`;

function configuration(folder: string, address: string): string {
  const stanzas = templates.map((text, place) => {
    // The half of them from files.
    const file = join(folder, `${named(place)}.tmpl`);
    fs.writeFileSync(file, text);
    const source = place % 2 === 0 ? `source = "${file}"` : `contents = ${JSON.stringify(text)}`;
    return `template {\n  ${source}\n  destination = "${join(folder, 'out', named(place))}"\n  perms = "0600"\n}\n`;
  });
  return `
    exit_after_auth = true
    vault { address = "${address}" }
    auto_auth {
      method {
        type = "token_file"
        config = { token_file_path = "${join(folder, 'token')}" }
      }
    }
    template_config { static_secret_render_interval = "10m" exit_on_retry_failure = true }
    ${stanzas.join('')}`.replace('"10m" exit', '"10m"\n exit');
}

function taken(folder: string): Readonly<Record<string, string>> {
  const out = join(folder, 'out');
  const found = fs.readdirSync(out).map((name) => [name, fs.readFileSync(join(out, name), 'utf8')] as const);
  fs.rmSync(out, { recursive: true });
  return Object.fromEntries(found);
}

test('a configuration of Vault Agent gives the bytes that its own agent gives', { skip }, async (t) => {
  await using server = await startOpenBao(bao ?? '');
  await filled(server);
  const folder = workplace(t);
  const file = join(folder, 'agent.hcl');
  fs.writeFileSync(file, configuration(folder, server.address));
  await must(bao ?? '', ['agent', `-config=${file}`], { env: { PATH: process.env['PATH'], HOME: folder } });
  const theirs = taken(folder);
  await must(executable, ['agent', `-config=${file}`]);
  const ours = taken(folder);
  assert.equal(Object.keys(theirs).length, templates.length);
  const shown = (files: Readonly<Record<string, string>>) =>
    templates.map((template, place) => ({ template, output: files[named(place)] }));
  assert.deepEqual(shown(ours), shown(theirs));
});

test(
  "a process finds in its environment what its own agent gives it, and its code is the agent's",
  { skip },
  async (t) => {
    await using server = await startOpenBao(bao ?? '');
    await filled(server);
    const folder = workplace(t);
    const file = join(folder, 'agent.hcl');
    const values = ['{{ .Data.data.user }}', '{{ .Data.data.password }}', '{{ .Data.data.list | toJSON }}', 'a b  c'];
    const stanzas = values.map(
      (text, place) => `env_template "T_${place}" { contents = ${JSON.stringify(get(text))} }\n`,
    );
    fs.writeFileSync(
      file,
      `vault { address = "${server.address}" }
    auto_auth { method { type = "token_file" config = { token_file_path = "${join(folder, 'token')}" } } }
    template_config { exit_on_retry_failure = true }
    ${stanzas.join('')}
    exec {
      command = ["/bin/sh", "-c", "env | grep ^T_ | sort > ${join(folder, 'said')}; exit 9"]
      restart_on_secret_changes = "always"
      restart_stop_signal = "SIGTERM"
    }`,
    );
    const said = (): string => fs.readFileSync(join(folder, 'said'), 'utf8');
    const theirs = await run(bao ?? '', ['agent', `-config=${file}`], {
      env: { PATH: process.env['PATH'], HOME: folder },
    });
    const expected = said();
    fs.rmSync(join(folder, 'said'));
    const ours = await run(executable, ['agent', `-config=${file}`]);
    assert.equal(said(), expected);
    assert.match(expected, /^T_0=app\nT_1=p<&>ä"\\\nT_2=\["x","y",7\]\nT_3=a b {2}c\n$/);
    assert.deepEqual([theirs.code, ours.code], [9, 9]);
  },
);
