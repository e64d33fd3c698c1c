// `pnpm test:webgpu`: everything that runs on WebGPU, in Node and in Chromium, the files that take long included. On a
// software adapter with two cores that is about an hour.
import { spawnSync } from 'node:child_process';
import { root } from './workspace.mjs';

const projects = ['webgpu', 'webgpu, Chromium', 'conformance', 'conformance, Chromium'];
const args = ['run', ...projects.flatMap((project) => ['--project', project]), 'webgpu', ...process.argv.slice(2)];
const { status } = spawnSync('vitest', args, {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, INATTENTION_LONG: '1' },
});
process.exitCode = status ?? 1;
