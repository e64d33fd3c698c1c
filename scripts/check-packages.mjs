// The package gate: what a user would download. Each published package is packed, then publint (strict) and
// are-the-types-wrong judge the tarball, and its file list is checked: dist and its source, no tests, nothing else.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from './pack.mjs';
import { publishedPackages } from './workspace.mjs';

const run = (command, args) => spawnSync(command, args, { encoding: 'utf8' });

/** What is wrong with the files of a tarball, one line each. */
function fileFaults(tarball) {
  const paths = run('tar', ['-tzf', tarball])
    .stdout.trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''));
  const present = new Set(paths);
  const faults = paths.filter((path) => path.includes('.test.')).map((path) => `ships a test: ${path}`);
  for (const path of paths.filter((name) => /^dist\/.*\.js$/.test(name))) {
    const plain = path.replace(/^dist\//, 'src/'); // a file that is JavaScript in the sources, too
    const source = plain.replace(/\.js$/, '.ts');
    if (!present.has(source) && !present.has(plain)) faults.push(`ships ${path} without its source ${source}`);
  }
  for (const needed of ['LICENSE', 'README.md']) if (!present.has(needed)) faults.push(`lacks ${needed}`);
  if (!paths.some((path) => path.startsWith('dist/'))) faults.push('has no dist: run the build first');
  if (run('tar', ['-xOzf', tarball, 'package/package.json']).stdout.includes('@inattention/source')) {
    faults.push('publishes the @inattention/source condition: list its entries in publishConfig.exports too');
  }
  return faults;
}

/** Runs a checker and returns its report where it fails, or nothing. */
function report(command, args) {
  const { status, stdout, stderr, error } = run(command, args);
  return status === 0 ? [] : [`${command}: ${error ? error.message : `${stdout}${stderr}`.trim()}`];
}

function faultsOf({ manifest }, tarball) {
  const faults = [...fileFaults(tarball), ...report('publint', ['run', tarball, '--strict'])];
  // A package that is only a program has no types to be wrong.
  if (manifest.exports) faults.push(...report('attw', [tarball, '--profile', 'esm-only', '--no-emoji', '--no-color']));
  return faults;
}

const folder = mkdtempSync(join(tmpdir(), 'inattention-packages-'));
try {
  for (const published of publishedPackages()) {
    const faults = faultsOf(published, pack(published, folder));
    console.log(`${faults.length === 0 ? 'ok    ' : 'FAILED'} ${published.name}`);
    for (const fault of faults) console.error(`  ${fault}`);
    if (faults.length > 0) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
