// The size gate: what a page downloads for the smallest useful program of each backend, bundled and minified from what
// was built, gzipped. What is only loaded when it is needed (a tokenizer's library) is named beside it, not counted.
// Autograd must not come along. Budgets are in bytes; raise one only with a reason.
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { root } from './workspace.mjs';

const programs = [
  {
    name: 'WebGPU: createWebGpuBackend, loadModel, generate',
    budget: 96_000, // the goal is 60_000
    source: `
      export { createWebGpuBackend } from '@inattention/webgpu';
      export { generate, loadModel } from '@inattention/model';`,
  },
];

/** The program's chunks: the first code that a page loads, code that is loaded when needed, and the modules of the first. */
async function bundle(source) {
  const entry = join(root, 'scripts', 'program.mjs'); // not on disk: packages are found from this folder
  const program = {
    name: 'program',
    resolveId: (id) => (id === entry ? id : null),
    load: (id) => (id === entry ? source : null),
  };
  const built = await build({
    logLevel: 'error',
    configFile: false,
    plugins: [program],
    build: { write: false, rolldownOptions: { input: entry, preserveEntrySignatures: 'strict' } },
  });
  const output = [built].flat().flatMap((one) => ('output' in one ? one.output : []));
  const chunks = output.flatMap((chunk) => (chunk.type === 'chunk' ? [chunk] : []));
  const first = chunks.filter(({ isEntry }) => isEntry);
  const later = chunks.filter(({ isEntry }) => !isEntry);
  const modules = first.flatMap((chunk) => Object.entries(chunk.modules));
  const kept = modules.filter(([, { renderedLength }]) => renderedLength > 0).map(([id]) => id);
  return { first: codeOf(first), later: codeOf(later), modules: kept };
}

const codeOf = (chunks) => chunks.map(({ code }) => code).join('\n');
const gzipped = (code) => gzipSync(code, { level: 9 }).byteLength;

for (const { name, budget, source } of programs) {
  const { first, later, modules } = await bundle(source);
  const bytes = gzipped(first);
  const autograd = modules.filter((id) => id.includes('/autograd/'));
  const ok = bytes <= budget && autograd.length === 0;
  const verdict = ok ? 'ok    ' : 'FAILED';
  console.log(`${verdict} ${name}: ${bytes} bytes gzipped of ${budget}, and ${gzipped(later)} when needed`);
  for (const id of autograd) console.error(`  brings autograd along: ${id.slice(root.length)}`);
  if (!ok) process.exitCode = 1;
  if (process.argv.includes('--modules')) console.log(modules.map((id) => `  ${id.slice(root.length)}`).join('\n'));
}
