/** The folder of a model that is named by its path, or by the name of a shipped model. Node only. */

import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidFileError } from '@inattention/core';

/**
 * `name` itself when there is such a folder; otherwise the folder of the shipped model of this name, if the package
 * `@inattention/models` is installed. A path that leads nowhere is returned as it is, for whoever opens it to refuse.
 * Throws InvalidFileError for a name that no shipped model has.
 */
export async function modelFolder(name: string): Promise<string> {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name) || (await isFolder(name))) return name;
  const shipped = await shippedModels();
  const model = shipped?.get(name);
  if (model !== undefined) return dirname(fileURLToPath(model.files['config.json']));
  throw new InvalidFileError({
    what: `There is no model "${name}".`,
    got: shipped === null ? 'no such folder, and @inattention/models is not installed' : 'no such folder',
    expected:
      shipped === null
        ? 'a folder with config.json and model.safetensors'
        : `a folder with config.json and model.safetensors, or a shipped model: ${[...shipped.keys()].join(', ')}`,
    fix: shipped === null ? 'name a folder, or npm install @inattention/models for the shipped ones' : 'check the name',
  });
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() ?? false;
}

/** The shipped models by name; null where their package is not installed. */
async function shippedModels(): Promise<ReadonlyMap<
  string,
  { readonly files: { readonly 'config.json': URL } }
> | null> {
  try {
    const { models } = await import('@inattention/models');
    return new Map(Object.entries(models));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND') return null;
    throw cause;
  }
}
