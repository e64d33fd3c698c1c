// Runs turbo tasks over the workspace: `node scripts/turbo.mjs build --filter=@inattention/cli...`.
// It adds what every call of ours needs: no telemetry, plain output, and `pnpm` on PATH, which turbo insists on
// finding and which is there whenever pnpm started us.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Runs turbo and returns its exit status. With `toStderr`, everything turbo and its tasks print goes to standard
 * error, and only the output of failed tasks is shown.
 */
export function turbo(tasks, { toStderr = false } = {}) {
  const quiet = toStderr ? ['--output-logs=errors-only'] : ['--output-logs=new-only'];
  const result = spawnSync('turbo', ['run', ...tasks, ...quiet], {
    cwd: root,
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' },
    stdio: ['ignore', toStderr ? 2 : 'inherit', 'inherit'],
  });
  if (result.error) {
    console.error(`turbo could not be started (${result.error.message}). Start this through pnpm: pnpm run build`);
    return 1;
  }
  return result.status ?? 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = turbo(process.argv.slice(2));
