// Runs a program of the workspace from its build, building first what is missing or out of date. Everything the
// build says goes to standard error: standard output belongs to the program.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { turbo } from './turbo.mjs';

/** Runs `packages/<name>/dist/main.js` with `args` as they are and returns its exit status. */
export function runBuilt(name, args) {
  const main = fileURLToPath(new URL(`../packages/${name}/dist/main.js`, import.meta.url));
  if (!existsSync(main)) console.error(`Building @inattention/${name} and what it needs …`);
  const built = turbo(['build', `--filter=@inattention/${name}...`], { quiet: true });
  if (built !== 0) return built;
  const { status, signal, error } = spawnSync(process.execPath, [main, ...args], { stdio: 'inherit' });
  if (error) console.error(error.message);
  return status ?? (signal ? 128 + constants.signals[signal] : 1);
}
