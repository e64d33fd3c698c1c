// The circular-import gate: biome's noImportCycles over the workspace, after it has been seen to fail on a planted
// cycle, so that a rule that silently stopped working fails the gate too.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function findCycles(folder, stdio) {
  return spawnSync('biome', ['lint', '--only=suspicious/noImportCycles', '--error-on-warnings', '.'], {
    cwd: folder,
    encoding: 'utf8',
    stdio,
  });
}

function seesPlantedCycle() {
  const folder = mkdtempSync(join(tmpdir(), 'inattention-cycle-'));
  try {
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'biome.json'), '{ "root": true }\n');
    for (const [from, to] of ['ab', 'bc', 'ca']) {
      const source = `import { ${to} } from './${to}.ts';\n\nexport const ${from} = () => ${to}();\n`;
      writeFileSync(join(folder, 'src', `${from}.ts`), source);
    }
    const { status, stdout, stderr } = findCycles(folder, 'pipe');
    return status === 1 && `${stdout}${stderr}`.includes('lint/suspicious/noImportCycles');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (seesPlantedCycle()) {
  process.exitCode = findCycles(root, 'inherit').status ?? 1;
} else {
  console.error(
    'biome no longer reports a planted cycle of three files: check suspicious/noImportCycles in biome.json.',
  );
  process.exitCode = 1;
}
