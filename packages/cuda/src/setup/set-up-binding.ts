/**
 * Builds the native binding once per user: source from npm, libtensorflow from a Python environment or from the wheel of
 * tensorflow-cpu. Nothing runs at install; it happens when this is called, and when it has been done it is not done again.
 */

import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BackendUnavailableError } from '@inattention/core';
import { type BindingManifest, cacheFolder, installedBinding, manifestName } from './cache-folder.ts';
import { compileBinding, expectLibrary } from './compile-binding.ts';
import { digestOf, fetchCpuWheel, fetchNpmRelease, findInPython } from './fetch-release.ts';
import { nvidiaDriver } from './nvidia.ts';
import { bindingRelease, cpuWheel, gpuRequirement, headersRelease } from './releases.ts';

export interface SetUpOptions {
  /**
   * Which libtensorflow. `auto`: that of the Python environment where it has one, else, on a machine without an NVIDIA
   * driver, `cpu`. `cpu`: the wheel of tensorflow-cpu, downloaded (274 MB). `python`: that of the Python environment. Or
   * the folder of an installed TensorFlow. Default `auto`.
   */
  readonly library?: 'auto' | 'cpu' | 'python' | { readonly folder: string };
  /** The Python to ask. Default `python3`. */
  readonly python?: string;
  /** Where to build. Default: cacheFolder(). */
  readonly folder?: string;
  /** Builds again what is there. */
  readonly force?: boolean;
  readonly onProgress?: (line: string) => void;
}

/** Sets up the binding, or finds it set up. Throws BackendUnavailableError with the command that helps. */
export async function setUpBinding(options: SetUpOptions = {}): Promise<BindingManifest> {
  const {
    library = 'auto',
    python = 'python3',
    folder = cacheFolder(),
    force = false,
    onProgress = () => {},
  } = options;
  expectPlatform();
  const wanted = await chooseLibrary(library, python);
  if (wanted !== null) expectLibrary(wanted);
  const installed = installedBinding(folder);
  if (installed !== null && !force && fits(installed, wanted)) return installed;

  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, 'work-'));
  try {
    onProgress(`source: ${bindingRelease.name}@${bindingRelease.version} and ${headersRelease.name}, from npm`);
    const source = await fetchNpmRelease(bindingRelease, join(work, 'source'));
    const headers = await fetchNpmRelease(headersRelease, join(work, 'headers'));
    const place = await libraryFolder(wanted, { folder, work, python, onProgress });
    expectLibrary(place);
    onProgress(`compiling, linked to ${place}`);
    const built = join(work, 'tfjs_binding.node');
    await compileBinding({ source, nodeHeaders: join(headers, 'include'), library: place, addon: built });
    const addonSha256 = await digestOf(built, 'sha256', 'hex');
    const addon = join(folder, `tfjs_binding-${addonSha256.slice(0, 16)}.node`);
    await rename(built, addon);
    const manifest: BindingManifest = {
      addon,
      addonSha256,
      libraryFolder: place,
      libraryBytes: (await stat(join(place, 'libtensorflow_cc.so.2'))).size,
      librarySource: wanted === null ? wheelSource : `the folder ${wanted}`,
      bindingVersion: bindingRelease.version,
      node: process.versions.node,
    };
    await writeFile(join(work, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
    await rename(join(work, manifestName), join(folder, manifestName));
    onProgress(`done: ${addon}`);
    return manifest;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const wheelSource = `the wheel of ${cpuWheel.name} ${cpuWheel.version}, sha256 ${cpuWheel.sha256}`;

/** Whether what is installed is what is wanted: a folder, or null for the CPU wheel. */
function fits({ librarySource, libraryFolder: place }: BindingManifest, wanted: string | null): boolean {
  return wanted === null ? librarySource === wheelSource : place === wanted;
}

function expectPlatform(): void {
  if (process.platform === 'linux') return;
  throw new BackendUnavailableError({
    what: 'The binding is set up on Linux only: TensorFlow has no CUDA elsewhere.',
    got: process.platform,
    fix: 'on Windows use WSL 2; on a Mac use @inattention/webgpu',
  });
}

/** The folder of the libtensorflow to use; null for the CPU wheel. */
async function chooseLibrary(library: NonNullable<SetUpOptions['library']>, python: string): Promise<string | null> {
  if (typeof library === 'object') return resolve(library.folder);
  if (library === 'cpu') return null;
  const found = library === 'python' || (await nvidiaDriver()) !== null ? await findInPython(python) : null;
  if (found !== null) return found;
  if (library === 'auto' && (await nvidiaDriver()) === null) return null;
  throw new BackendUnavailableError({
    what: `${python} has no TensorFlow to link the binding to.`,
    fix: `${python} -m pip install '${gpuRequirement}', then inattention-cuda-setup; for the CPU: inattention-cuda-setup --cpu`,
  });
}

async function libraryFolder(
  wanted: string | null,
  run: {
    readonly folder: string;
    readonly work: string;
    readonly python: string;
    readonly onProgress: (line: string) => void;
  },
): Promise<string> {
  if (wanted !== null) return wanted;
  if (process.arch !== 'x64') {
    throw new BackendUnavailableError({
      what: 'The wheel that the set-up knows is for x64.',
      got: process.arch,
      fix: 'pip install tensorflow, then inattention-cuda-setup --python python3',
    });
  }
  const place = join(run.folder, `${cpuWheel.name}-${cpuWheel.version}`);
  try {
    expectLibrary(place);
    return place; // from an earlier set-up
  } catch {
    const { name, version, megabytes } = cpuWheel;
    run.onProgress(`libtensorflow: the wheel of ${name} ${version}, ${megabytes} MB, from PyPI`);
    const unpacked = await fetchCpuWheel(join(run.work, 'wheel'), run.python);
    await rm(place, { recursive: true, force: true });
    await rename(unpacked, place);
    return place;
  }
}
