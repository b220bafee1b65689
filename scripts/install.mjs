/**
 * Brings node_modules in line with npm-shrinkwrap.json, Node 26 included, and sets the commit hook.
 *
 * Plain JavaScript of Node 20, importing nothing from node_modules: on a fresh clone this is all that can run.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const bin = join(root, 'node_modules/.bin');
/** The Node that the `node` package brings, whatever the system's is. */
export const ownNode = join(root, 'node_modules/node/bin/node');

/** True when node_modules can be used. Says on standard error what it does and why. */
export function ensureInstalled() {
  const missing = whatIsMissing();
  if (missing === undefined) return true;
  if (isLink(join(root, 'node_modules'))) {
    // A worktree that borrows another checkout's packages: installing would change them under that checkout's feet.
    console.error(`node_modules is a link and does not match npm-shrinkwrap.json: ${missing}`);
    return existsSync(ownNode);
  }
  console.error(`installing packages: ${missing}`);
  return install();
}

/** The first difference between what is locked and what npm recorded as installed; undefined when there is none. */
function whatIsMissing() {
  const locked = packagesOf('npm-shrinkwrap.json');
  const installed = packagesOf('node_modules/.package-lock.json');
  if (installed === undefined) return 'nothing is installed yet';
  for (const [path, { version, optional }] of Object.entries(locked ?? {})) {
    const found = installed[path]?.version;
    // Optional packages are the prebuilt binaries of other platforms: absent here, or just as locked.
    if (path === '' || found === version || (found === undefined && optional)) continue;
    return `${path} should be ${version}, is ${found ?? 'absent'}`;
  }
  return existsSync(ownNode) ? undefined : 'Node 26 is absent';
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function isLink(path) {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

function install() {
  // Not `npm ci`: it refuses a lock file that misses a prebuilt binary of any other platform, which happens whenever a
  // registry has none of it. `npm install` takes the same locked versions; what it could not match is looked at below.
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error } = spawnSync('npm', args, { cwd: root, stdio: ['ignore', 2, 2], env: installEnvironment() });
  if (status === 0 && !existsSync(ownNode)) linkNode();
  const missing = status === 0 ? whatIsMissing() : (error?.message ?? 'npm install failed, see above');
  if (missing !== undefined) {
    console.error(`the packages could not be installed: ${missing}`);
    return false;
  }
  setCommitHook();
  return true;
}

/** npm hands its own options down as variables; `npm --ignore-scripts test` or NODE_ENV must not thin out the install. */
function installEnvironment() {
  const dropped = /^(NODE_ENV|NODE_OPTIONS|npm_config_(omit|only|production|dry_run|global|prefix|ignore_scripts))$/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !dropped.test(name)));
}

/** What the install script of `node` does, for an npm that is configured never to run install scripts. */
function linkNode() {
  spawnSync(process.execPath, ['installArchSpecificPackage.js'], {
    cwd: join(root, 'node_modules/node'),
    stdio: ['ignore', 2, 2],
    env: installEnvironment(),
  });
}

/** Only in a person's own checkout, and never over a path that they chose themselves. */
function setCommitHook() {
  if (process.env.CI || !existsSync(join(root, '.git'))) return;
  try {
    const current = spawnSync('git', ['config', 'core.hooksPath'], { cwd: root, encoding: 'utf8' }).stdout.trim();
    if (current === '') execFileSync('git', ['config', 'core.hooksPath', '.githooks'], { cwd: root, stdio: 'ignore' });
  } catch {
    console.error('could not set the commit hook: git config core.hooksPath .githooks');
  }
}
