/**
 * `node scripts/export.mjs NAME RUN [MACHINE]`: makes the finished run in the folder RUN the shipped model NAME: the folder
 * NAME of this package, src/shipped/NAME.ts and src/shipped.ts. MACHINE: what it ran on, in words (default: this machine).
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportRun } from './export-run.mjs';
import { recipes } from './recipes.mjs';
import { listSource, modelSource } from './shipped-source.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const [, , name = '', run, machine] = process.argv;

if (!Object.hasOwn(recipes, name) || run === undefined) {
  console.error(`usage: node scripts/export.mjs ${Object.keys(recipes).join('|')} RUN [MACHINE]`);
  process.exitCode = 2;
} else {
  const { description } = recipes[name];
  const onText = (done, count) =>
    (done % 16 === 0 || done === count) && console.log(`test loss: ${done} of ${count} texts`);
  const model = await exportRun({ name, description, run, out: join(root, name), onText, ...(machine && { machine }) });
  mkdirSync(join(root, 'src/shipped'), { recursive: true });
  const own = join(root, `src/shipped/${name}.ts`);
  const list = join(root, 'src/shipped.ts');
  writeFileSync(own, modelSource(model));
  const shipped = Object.keys(recipes).filter((one) => existsSync(join(root, `src/shipped/${one}.ts`)));
  writeFileSync(list, listSource(shipped));
  spawnSync(join(root, '../../node_modules/.bin/biome'), ['check', '--write', own, list], { stdio: 'inherit' });
  const { testLoss, check } = model.record;
  console.log(`${name}: test loss ${testLoss.loss} over ${testLoss.lossTerms} tokens; check ${check.loss}`);
}
