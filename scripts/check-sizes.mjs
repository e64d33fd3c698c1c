// The size gate: what a page downloads for the smallest useful program of each backend, bundled and minified from what
// was built, gzipped. `first` is what the page's own script brings: the bundle and what it imports. `kernels` is what
// createWebGpuBackend loads while the device is opened. What is only loaded when it is needed (a tokenizer's library, a
// file format, the texts of kernels for training or for software adapters) is named beside them, not counted. Neither
// autograd nor a gradient's kernel must come along. Budgets are in bytes; raise one only with a reason.
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { root } from './workspace.mjs';

const programs = [
  {
    name: 'WebGPU: createWebGpuBackend, loadModel, generate',
    budgets: { first: 60_000, kernels: 33_000 },
    kernels: 'packages/webgpu/dist/kernels/operations.js',
    source: `
      export { createWebGpuBackend } from '@inattention/webgpu';
      export { generate, loadModel } from '@inattention/model';`,
  },
];

/** The program's chunks by when they are loaded, and the modules of those that are loaded at once. */
async function bundle({ source, kernels }) {
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
  const first = withImports(
    chunks.filter(({ isEntry }) => isEntry),
    chunks,
  );
  const holder = chunks.filter(({ modules }) => join(root, kernels) in modules);
  const second = withImports(holder, chunks).filter((chunk) => !first.includes(chunk));
  const later = chunks.filter((chunk) => !first.includes(chunk) && !second.includes(chunk));
  return { first, kernels: second, later };
}

/** Chunks, and the chunks that they import statically. */
function withImports(from, chunks) {
  const all = new Set(from);
  for (const { imports } of all) for (const chunk of chunks) if (imports.includes(chunk.fileName)) all.add(chunk);
  return [...all];
}

/** Each chunk is a download of its own. */
const gzipped = (chunks) => chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).byteLength, 0);

const modulesOf = (chunks) =>
  chunks.flatMap(({ modules }) =>
    Object.entries(modules).flatMap(([id, { renderedLength }]) => (renderedLength > 0 ? [id] : [])),
  );

for (const { name, budgets, ...program } of programs) {
  const { later, ...parts } = await bundle(program);
  const modules = modulesOf(Object.values(parts).flat());
  const unwanted = modules.filter((id) => /\/autograd\/|backward[\w-]*\.wgsl|adamw\.wgsl/.test(id));
  let ok = unwanted.length === 0;
  const counts = Object.entries(parts).map(([part, chunks]) => {
    const bytes = gzipped(chunks);
    if (!(bytes > 0 && bytes <= budgets[part])) ok = false;
    return `${part} ${bytes} bytes gzipped of ${budgets[part]}`;
  });
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}: ${counts.join(', ')}; ${gzipped(later)} when needed`);
  for (const id of unwanted) console.error(`  brings along: ${id.slice(root.length)}`);
  if (!ok) process.exitCode = 1;
  if (process.argv.includes('--modules')) {
    for (const [part, chunks] of Object.entries({ ...parts, later })) {
      for (const chunk of chunks) {
        console.log(`${part} ${chunk.fileName} ${gzipped([chunk])}`);
        console.log(
          modulesOf([chunk])
            .map((id) => `  ${id.slice(root.length)}`)
            .join('\n'),
        );
      }
    }
  }
}
