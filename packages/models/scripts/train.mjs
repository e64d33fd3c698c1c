/**
 * `pnpm --filter @inattention/models run train NAME [FOLDER] [-- FLAG …]`: runs the recipe of a model in FOLDER/NAME (default: runs/NAME), or goes
 * on with it where it was interrupted. Texts are written to FOLDER/texts first. Further flags, such as
 * `--checkpoint-every 50`, go to `inattention train` as they are.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { recipes, trainArguments } from './recipes.mjs';
import { writeTexts } from './texts.mjs';

const program = fileURLToPath(new URL('../../../scripts/inattention.mjs', import.meta.url));
const [, , name = '', folder = 'runs', ...further] = process.argv;

if (!Object.hasOwn(recipes, name)) {
  console.error(`"${name}" has no recipe: name one of ${Object.keys(recipes).join(', ')}`);
  process.exitCode = 2;
} else {
  const { flags } = recipes[name];
  const out = resolve(folder, name);
  const texts = resolve(folder, 'texts');
  const place = (file) => (file.endsWith('.jsonl') ? join(texts, file) : resolve(folder, file));
  const begun = existsSync(join(out, 'run.json'));
  if (!begun) writeTexts(texts);
  const args = begun ? ['train', '--out', out, '--resume'] : trainArguments(flags, out, place);
  process.exitCode = spawnSync(process.execPath, [program, ...args, ...further], { stdio: 'inherit' }).status ?? 1;
}
