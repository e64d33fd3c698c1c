// The installation gate: what a user gets from the registry, tried in an empty folder. For each backend, the packed
// core, formats, model and that backend alone are installed by npm, so an undeclared or missing dependency fails;
// then `tarballs/generate.mjs` runs in plain Node, and in Chromium from a Vite build of a page.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';
import { pack } from './pack.mjs';
import { publishedPackages, readJson } from './workspace.mjs';

/** One row per backend: its package, its import as `createBackend`, and whether it has threads in a worker. */
const backends = [{ name: 'cpu', create: 'createCpuBackend', threads: true }];
const shared = ['core', 'formats', 'model'];

const browser = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const sources = fileURLToPath(new URL('tarballs', import.meta.url));

/** Runs a command in a folder, throws with all it said where it fails, and returns its standard output. */
function run(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error ? error.message : stdout + stderr}`);
  return stdout;
}

/** Lays out the user's project: a manifest, the program, a page, and a module that makes the backend. */
function layOut(folder, { name, create }) {
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true, "type": "module" }\n');
  for (const file of readdirSync(sources)) copyFileSync(join(sources, file), join(folder, file));
  writeFileSync(join(folder, 'backend.mjs'), `export { ${create} as createBackend } from '@inattention/${name}';\n`);
}

/** Names of everything npm installed in a folder. */
function installed(folder) {
  const lock = readJson(join(folder, 'node_modules', '.package-lock.json'));
  return Object.keys(lock.packages).map((path) => path.replace(/^.*node_modules\//, ''));
}

/** Installs the tarballs and checks that they brought themselves and declared third parties: no second backend. */
function install(folder, packages) {
  const tarballs = packages.map(({ tarball }) => tarball);
  run('npm', ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', ...tarballs], folder);
  const declared = packages.flatMap(({ manifest }) => Object.keys(manifest.dependencies ?? {}));
  const thirdParty = declared.filter((name) => !name.startsWith('@inattention/'));
  const expected = new Set([...packages.map(({ name }) => name), ...thirdParty]);
  const surplus = installed(folder).filter((name) => !expected.has(name));
  if (surplus.length > 0)
    throw new Error(`npm installed ${surplus.join(', ')}, beyond the packages and what they declare`);
}

/** Vite's settings for the user's project, untouched by any configuration around it. */
const project = (folder) => ({
  root: folder,
  configFile: /** @type {const} */ (false),
  logLevel: /** @type {const} */ ('error'),
});

/** Opens the built page and returns the text it generated, or throws what it threw. */
async function generateInPage(folder, headers) {
  const server = await preview({ ...project(folder), preview: { port: 0, host: '127.0.0.1', headers } });
  const chrome = await chromium.launch({ executablePath: browser });
  try {
    const page = await chrome.newPage();
    const faults = [];
    page.on('pageerror', (error) => faults.push(error.stack ?? error.message));
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    await page.goto(server.resolvedUrls?.local[0] ?? '');
    await page.waitForFunction(() => document.body.dataset.state !== undefined);
    const { state, text } = await page.evaluate(() => ({
      state: document.body.dataset.state,
      text: document.body.textContent,
    }));
    if (state !== 'done' || faults.length > 0) throw new Error(`the page failed: ${[text, ...faults].join('\n')}`);
    return text;
  } finally {
    await chrome.close();
    await server.close();
  }
}

async function check(folder, backend, packed) {
  layOut(folder, backend);
  install(
    folder,
    [...shared, backend.name].map((name) => packed.get(name)),
  );
  const inNode = JSON.parse(run(process.execPath, ['node.mjs'], folder));
  console.log(`${backend.name}, Node (${inNode.device}): ${inNode.text}`);
  await build({ ...project(folder), build: { target: 'es2023' } });
  const isolated = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
  for (const [title, headers] of [
    ['page', {}],
    ['isolated page', isolated],
  ]) {
    const results = JSON.parse(await generateInPage(folder, headers));
    for (const [place, { text, device }] of Object.entries(results)) {
      if (text !== inNode.text)
        throw new Error(`the ${title}'s ${place} generated ${text}, Node generated ${inNode.text}`);
      console.log(`${backend.name}, ${title}, ${place} (${device}): the same`);
    }
    const { device } = results.worker;
    if (title === 'isolated page' && backend.threads && cpus().length > 1 && /\b1 thread\b/.test(device)) {
      throw new Error(`threads could not be had in a worker of an isolated page: ${device}`);
    }
  }
}

async function main() {
  if (!existsSync(browser)) {
    throw new Error(`${browser} is missing: apt-get install -y --no-install-recommends chromium, or set CHROMIUM_PATH`);
  }
  const root = mkdtempSync(join(tmpdir(), 'inattention-tarballs-'));
  try {
    const needed = new Set([...shared, ...backends.map(({ name }) => name)]);
    const packages = publishedPackages().filter(({ folder }) => needed.has(basename(folder)));
    const packed = new Map(packages.map((row) => [basename(row.folder), { ...row, tarball: pack(row, root) }]));
    for (const backend of backends) await check(join(root, backend.name), backend, packed);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
