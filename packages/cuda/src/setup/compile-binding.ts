/**
 * Compiles the binding's two source files against a libtensorflow that stays where it lies: its run path is written into
 * the addon, so that the libraries of CUDA, which GPU wheels find relative to themselves, are found as Python finds them.
 * One command of the C++ compiler; node-gyp, which fetches Node's headers from the network, is not needed.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BackendUnavailableError } from '@inattention/core';
import { libraryNames } from './releases.ts';
import { runProgram } from './run-program.ts';

export interface CompileOptions {
  /** The unpacked package of tfjs-node-gpu. */
  readonly source: string;
  /** The folder of js_native_api.h and node_api.h. */
  readonly nodeHeaders: string;
  /** The folder with libtensorflow_cc.so.2 and include/. */
  readonly library: string;
  readonly addon: string;
}

/** Throws unless `folder` is TensorFlow's: both libraries and the headers of the C interface. */
export function expectLibrary(folder: string): void {
  const needed = [...libraryNames, join('include', 'tensorflow', 'c', 'eager', 'c_api.h')];
  const missing = needed.filter((name) => !existsSync(join(folder, name)));
  if (missing.length === 0) return;
  throw new BackendUnavailableError({
    what: 'This folder is not that of an installed TensorFlow for Linux.',
    got: `${folder}, without ${missing.join(' and ')}`,
    expected: needed.join(', '),
    fix: `name the folder that python3 -c "import tensorflow, os; print(os.path.dirname(tensorflow.__file__))" prints`,
  });
}

export async function compileBinding({ source, nodeHeaders, library, addon }: CompileOptions): Promise<void> {
  const include = join(library, 'include');
  const headers = [nodeHeaders, join(source, 'binding'), include].map((folder) => `-I${folder}`);
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(source, 'binding', name));
  const libraries = [`-L${library}`, ...libraryNames.map((name) => `-l:${name}`), `-Wl,-rpath,${library}`];
  const flags = ['-O2', '-std=c++17', '-fPIC', '-shared', '-w', '-DNAPI_VERSION=8'];
  await runProgram(process.env.CXX ?? 'c++', [...flags, ...headers, ...sources, '-o', addon, ...libraries], {
    fix: 'install a C++ compiler: apt-get install -y g++ (Debian, Ubuntu), dnf install -y gcc-c++ (Fedora)',
  });
}
