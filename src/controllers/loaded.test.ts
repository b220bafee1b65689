import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

/** Packages that are loaded once `code` has run, in a process of its own. */
function loadedBy(code: string): readonly string[] {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({
      load: (url, context, next) => {
        loaded.add(/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1]);
        return next(url, context);
      },
    });
    ${code}
    console.log(JSON.stringify([...loaded].filter((each) => each !== undefined)));`;
  const options = { encoding: 'utf8', cwd: import.meta.dirname } as const;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', script], options)) as string[];
}

const from = (path: string): string => JSON.stringify(join(import.meta.dirname, path));
const heavy = (packages: readonly string[]): readonly string[] =>
  packages.filter((each) => /^(?:yaml|asn1js|@peculiar\/.*|reflect-metadata|tsyringe|re2js)$/.test(each)).toSorted();

test('what reads certificates and YAML is loaded with the first template, not with the controller', () => {
  const controller = `await import(${from('command.ts')});`;
  assert.deepEqual(heavy(loadedBy(controller)), []);
  const rendering = `${controller}
    const { render } = await import(${from('external-secret/render.ts')});
    const text = Buffer.from(render('key', 'plain', new Map())).toString();
    if (text !== 'plain') throw new Error(text);`;
  assert.deepEqual(heavy(loadedBy(rendering)), []);
  const rendered = `${rendering}
    const made = Buffer.from(render('key', '{{ .a | upper }}', new Map([['a', Buffer.from('x')]]))).toString();
    if (made !== 'X') throw new Error(made);`;
  assert.ok(heavy(loadedBy(rendered)).includes('@peculiar/asn1-x509'));
});
