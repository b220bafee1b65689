/**
 * Runs suites of tests: `node scripts/test.ts <suite>… [path part]…`. With path parts, only files whose path holds one.
 * Ends with one line `N passed, N failed, N skipped`; leaves the same as JSON in .cache/test/<suite>.json.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { add, count, line, type Counts } from './suites/outcome.ts';
import { filesOf, isSuite, suites, type SuiteName } from './suites/suites.ts';
import { endAll, runFile, type FileResult } from './suites/test-file.ts';

const root = join(import.meta.dirname, '..');

async function runSuite(name: SuiteName, parts: readonly string[]): Promise<Counts> {
  const all = filesOf(name, root);
  const queue = parts.length === 0 ? [...all] : all.filter((file) => parts.some((part) => file.includes(part)));
  const results: FileResult[] = [];
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const result = await runFile(root, file, suites[name].secondsPerFile);
      results.push(result);
      print(result);
    }
  };
  await Promise.all(Array.from({ length: suites[name].atOnce }, worker));
  const counts = count(results.flatMap(({ outcomes }) => outcomes));
  summarise(name, counts, results);
  return counts;
}

function print({ file, milliseconds, outcomes, output }: FileResult): void {
  const counts = count(outcomes);
  console.log(`${counts.failed > 0 ? '✗' : '✓'} ${file}  ${line(counts)}  ${(milliseconds / 1000).toFixed(1)} s`);
  for (const { result, name, detail } of outcomes) {
    if (result === 'skipped') console.log(`    skipped: ${name}: ${detail}`);
    if (result === 'failed') console.log(`    failed: ${name}${detail === undefined ? '' : `\n${indent(detail)}`}`);
  }
  if (counts.failed > 0 && output !== '') console.log(`    it wrote:\n${indent(output.trimEnd())}`);
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '      ');
}

/** For tools that read results: no path of this machine in it. */
function summarise(suite: SuiteName, counts: Counts, results: readonly FileResult[]): void {
  const folder = join(root, '.cache/test');
  mkdirSync(folder, { recursive: true });
  const files = results.map(({ file, milliseconds, outcomes }) => ({ file, milliseconds, ...count(outcomes) }));
  writeFileSync(join(folder, `${suite}.json`), `${JSON.stringify({ suite, ...counts, files }, undefined, 2)}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  const names = args.filter(isSuite);
  const parts = args.filter((arg) => !isSuite(arg));
  if (names.length === 0) {
    console.error(`usage: node scripts/test.ts <suite>… [path part]…; suites: ${Object.keys(suites).join(', ')}`);
    return 2;
  }
  let total: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const name of names) total = add(total, await runSuite(name, parts));
  console.log(line(total));
  return total.failed > 0 ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    endAll();
    process.exit(130);
  });
}
process.exitCode = await main(process.argv.slice(2));
