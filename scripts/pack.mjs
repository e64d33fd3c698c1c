// Packs published packages the way a release does, so that gates judge what users would download.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Packs one package (a row of `publishedPackages()`) into `folder` and returns the path of its tarball. */
export function pack({ name, folder: packageFolder }, folder) {
  const { status, stdout, stderr } = spawnSync('pnpm', ['pack', '--json', '--pack-destination', folder], {
    cwd: packageFolder,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`pnpm pack of ${name} failed:\n${stdout}${stderr}`);
  return join(folder, JSON.parse(stdout).filename.split(/[\\/]/).at(-1));
}
