// Runs turbo tasks over the workspace: `node scripts/turbo.mjs build --filter=@inattention/cli...`.
// It adds what every call of ours needs: no telemetry, plain output, and a word of advice when turbo is missing.
// turbo insists on finding `pnpm` on PATH, so start this through a script of package.json.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Runs turbo and returns its exit status. `quiet` keeps standard output untouched and shows, on standard error,
 * what turbo said only when a task failed. What tasks print is shown when they fail, or as `--output-logs` has it.
 */
export function turbo(tasks, { quiet = false } = {}) {
  const logs = tasks.some((argument) => argument.startsWith('--output-logs')) ? [] : ['--output-logs=errors-only'];
  const { status, stdout, stderr, error } = spawnSync('turbo', ['run', ...tasks, ...logs], {
    cwd: root,
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' },
    stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    maxBuffer: Number.POSITIVE_INFINITY,
  });
  if (error) console.error(`turbo could not be started (${error.message}). Start this through pnpm: pnpm run build`);
  if (quiet && status !== 0) process.stderr.write(`${stdout}${stderr}`);
  return status ?? 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = turbo(process.argv.slice(2));
