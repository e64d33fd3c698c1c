// The release gate: in a copy of the workspace, a minor changeset on core must give every published package the same
// next minor version. Without care a peer range that the release leaves turns each dependent into a 1.0.0.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { publishedPackages, readJson, root } from './workspace.mjs';

const minorAfter = (version) => {
  const [major, minor] = version.split('.').map(Number);
  return `${major}.${minor + 1}.0`;
};

function copyManifests(to) {
  for (const file of ['package.json', 'pnpm-workspace.yaml', '.changeset/config.json', 'scripts/package.json']) {
    cpSync(join(root, file), join(to, file));
  }
  for (const { folder } of publishedPackages()) {
    const file = join(relative(root, folder), 'package.json');
    cpSync(join(root, file), join(to, file));
  }
  symlinkSync(join(root, 'node_modules'), join(to, 'node_modules'));
}

function versionsAfterMinorOfCore(workspace) {
  copyManifests(workspace);
  const changeset = "---\n'@inattention/core': minor\n---\n\nA planted change.\n";
  writeFileSync(join(workspace, '.changeset', 'planted-change.md'), changeset);
  const { status, stdout, stderr } = spawnSync('changeset', ['version'], { cwd: workspace, encoding: 'utf8' });
  if (status !== 0) throw new Error(`changeset version failed:\n${stdout}${stderr}`);
  return publishedPackages(workspace);
}

const before = publishedPackages();
const expected = minorAfter(readJson(join(root, 'packages/core/package.json')).version);
const workspace = mkdtempSync(join(tmpdir(), 'inattention-release-'));
try {
  const after = versionsAfterMinorOfCore(workspace);
  const wrong = after.filter(({ manifest }) => manifest.version !== expected);
  for (const { name, manifest } of wrong) console.error(`${name}: expected ${expected}, got ${manifest.version}`);
  const moved = before.filter(({ manifest }, index) => {
    const range = (of) => of.peerDependencies?.['@inattention/core'];
    return range(manifest) !== range(after[index].manifest);
  });
  for (const { name } of moved) console.error(`${name}: the release rewrote its peer range of @inattention/core`);
  if (wrong.length > 0 || moved.length > 0) {
    process.exitCode = 1;
  } else {
    console.log(`A minor release gives all ${after.length} packages ${expected} and leaves their peer ranges alone.`);
  }
} finally {
  rmSync(workspace, { recursive: true, force: true });
}
