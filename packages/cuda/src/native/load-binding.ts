/**
 * Finds and loads the native addon: that of a `tf` handed in, of an installed @tensorflow/tfjs-node-gpu, of what
 * inattention-cuda-setup built, or of @tensorflow/tfjs-node. Only the addon is loaded, not the packages' JavaScript, which
 * takes a second to load and does not run on Node 23 and later.
 */

import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { BackendUnavailableError, InvalidArgumentError } from '@inattention/core';
import { cacheFolder, installedBinding } from '../setup/cache-folder.ts';
import type { NativeBinding } from './native-binding.ts';

/** `tf`: the namespace of @tensorflow/tfjs-node or @tensorflow/tfjs-node-gpu, as far as it is used. */
export interface TensorFlowNamespace {
  backend(): unknown;
}

export interface LoadedBinding {
  readonly binding: NativeBinding;
  /** Where it comes from, in words. */
  readonly source: string;
  /** The libtensorflow it was linked to, in words, where that is known. */
  readonly library: string;
}

export interface LoadOptions {
  readonly tf?: TensorFlowNamespace;
  /** False: cuBLAS is told to keep f32 products in f32. Null: left as the process has it. */
  readonly tf32: boolean | null;
}

/** Has the addon been loaded in this process? From then on the driver has read its settings. */
let loaded = false;

const setUpHint = 'npx inattention-cuda-setup';

export function loadBinding({ tf, tf32 }: LoadOptions): LoadedBinding {
  if (tf !== undefined) return bindingOf(tf);
  applySettings(tf32);
  const failures: string[] = [];
  for (const find of [installed('@tensorflow/tfjs-node-gpu'), setUp, installed('@tensorflow/tfjs-node')]) {
    const found = find();
    if (typeof found === 'string') {
      failures.push(found);
      continue;
    }
    try {
      const binding = createRequire(import.meta.url)(found.addon) as NativeBinding;
      loaded = true;
      return { binding, source: found.source, library: found.library };
    } catch (error) {
      failures.push(`${found.addon}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new BackendUnavailableError({
    what: 'There is no native binding of TensorFlow here that can be loaded.',
    got: failures.join('; '),
    expected: 'one that was set up, or an installed @tensorflow/tfjs-node-gpu with its addon',
    fix: setUpHint,
  });
}

/** The binding of a tf namespace: its Node backend has it. */
function bindingOf(tf: TensorFlowNamespace): LoadedBinding {
  const backend = tf.backend();
  const binding = typeof backend === 'object' && backend !== null && 'binding' in backend ? backend.binding : null;
  if (typeof binding === 'object' && binding !== null && 'executeOp' in binding) {
    return { binding: binding as NativeBinding, source: 'the tf that was handed in', library: 'its own' };
  }
  throw new InvalidArgumentError({
    what: 'The tf that was handed in does not run on the native binding.',
    got: backend?.constructor.name ?? String(backend),
    expected:
      "the namespace of @tensorflow/tfjs-node-gpu or @tensorflow/tfjs-node, with its backend 'tensorflow' active",
    fix: "await tf.setBackend('tensorflow'), or leave `tf` out",
  });
}

interface Found {
  readonly addon: string;
  readonly source: string;
  readonly library: string;
}

/** The addon of an installed package; why not, as a text. */
function installed(name: string): () => Found | string {
  return () => {
    try {
      const require = createRequire(import.meta.url);
      const folder = dirname(require.resolve(`${name}/package.json`));
      const builds = existsSync(join(folder, 'lib')) ? readdirSync(join(folder, 'lib')).sort().reverse() : [];
      const addon = builds
        .map((build) => join(folder, 'lib', build, 'tfjs_binding.node'))
        .find((file) => existsSync(file));
      return addon === undefined
        ? `${name} is installed without its addon`
        : { addon, source: `${name} in ${folder}`, library: join(folder, 'deps', 'lib') };
    } catch {
      return `${name} is not installed`;
    }
  };
}

function setUp(): Found | string {
  const manifest = installedBinding();
  if (manifest === null) return `nothing is set up in ${cacheFolder()}`;
  const { addon, librarySource, bindingVersion } = manifest;
  return { addon, source: `tfjs-node-gpu ${bindingVersion}, set up in ${cacheFolder()}`, library: librarySource };
}

/** Settings that TensorFlow and CUDA read from the environment when they start. Those that are set are left alone. */
function applySettings(tf32: boolean | null): void {
  const { env } = process;
  env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  if (tf32 === null) return;
  const value = tf32 ? '1' : '0';
  if (loaded && env.NVIDIA_TF32_OVERRIDE !== undefined && env.NVIDIA_TF32_OVERRIDE !== value) {
    throw new InvalidArgumentError({
      what: 'tf32 cannot be changed once TensorFlow runs in this process.',
      got: `tf32: ${tf32}, after ${!tf32}`,
      fix: 'use another process for the other setting',
    });
  }
  if (!loaded) env.NVIDIA_TF32_OVERRIDE ??= value;
}
