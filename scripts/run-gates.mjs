// `pnpm test`: every gate, then every test, stopping at the first that fails. The last line of standard output is
// the count of tests, `N passed, N failed`, alone on its line.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readJson, root } from './workspace.mjs';

const gates = ['lint', 'circular', 'typecheck', 'build', 'packages', 'knip', 'sizes', 'release:check', 'tarballs'];

/** Runs a command in the root with its output shown, and returns its exit status. */
function show(title, command, args, env = {}) {
  console.log(`\n── ${title} ${'─'.repeat(Math.max(0, 76 - title.length))}`);
  const started = Date.now();
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  if (error) console.error(error.message);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`── ${title}: ${status === 0 ? 'ok' : 'FAILED'} in ${seconds} s`);
  return status ?? 1;
}

/** Counts the tests of a vitest JSON report; a test file that could not be loaded counts as one failed test. */
function countTests(reportFile) {
  if (!existsSync(reportFile)) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, testResults } = readJson(reportFile);
  const unloaded = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  return { passed: numPassedTests, failed: numFailedTests + unloaded.length };
}

/** The runs of vitest: every test on source, and the conformance suite once more on what was built. */
const testRuns = [
  { title: 'tests', args: [], env: {} },
  { title: 'conformance on dist', args: ['--project', 'conformance'], env: { INATTENTION_DIST: '1' } },
];

function runTests({ title, args, env }) {
  const folder = mkdtempSync(join(tmpdir(), 'inattention-tests-'));
  try {
    const reportFile = join(folder, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
    const status = show(title, 'vitest', ['run', ...args, ...reporters], env);
    return { status, ...countTests(reportFile) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function main() {
  for (const gate of gates) {
    if (show(gate, 'pnpm', ['--silent', 'run', gate]) !== 0) {
      console.error(`\nThe gate "${gate}" failed; no test was run. Repeat it alone: pnpm ${gate}`);
      return 1;
    }
  }
  const results = testRuns.map(runTests);
  const sum = (count) => results.reduce((total, result) => total + result[count], 0);
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
  return results.every(({ status, passed, failed }) => status === 0 && passed > 0 && failed === 0) ? 0 : 1;
}

process.exitCode = main();
