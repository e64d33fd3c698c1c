/**
 * Where the binding that was set up lies: one folder per user, outside every project, with a manifest that says what it
 * was built from. Reading it costs no native code.
 */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** What was built, from what. */
export interface BindingManifest {
  /** The native addon. */
  readonly addon: string;
  /** sha256 of the addon. */
  readonly addonSha256: string;
  /** The folder of libtensorflow that it is linked to. */
  readonly libraryFolder: string;
  /** Bytes of libtensorflow_cc: what tells a library that was replaced. */
  readonly libraryBytes: number;
  /** Where that came from: a wheel and its checksum, or a folder that was there. */
  readonly librarySource: string;
  /** Version of the binding's source. */
  readonly bindingVersion: string;
  readonly node: string;
}

/** The folder: `INATTENTION_CUDA_HOME`, else `inattention/cuda` in the user's cache. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { INATTENTION_CUDA_HOME: own, XDG_CACHE_HOME: cache } = environment;
  if (own) return own;
  return join(cache || join(homedir(), '.cache'), 'inattention', 'cuda');
}

export const manifestName = 'binding.json';

/** The manifest of the binding that was set up; null when there is none, or a file that it names is gone or another. */
export function installedBinding(folder = cacheFolder()): BindingManifest | null {
  const file = join(folder, manifestName);
  if (!existsSync(file)) return null;
  try {
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as BindingManifest;
    const library = join(manifest.libraryFolder, 'libtensorflow_cc.so.2');
    return existsSync(manifest.addon) && statSync(library).size === manifest.libraryBytes ? manifest : null;
  } catch {
    return null; // half a manifest, or a library that is gone: set up again
  }
}
