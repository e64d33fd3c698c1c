/**
 * Golden cases on disk: the ones that come with this package, or those of another folder (other seeds, other models).
 * For Node alone, and so a subpath of its own: `@inattention/conformance/golden`.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidFileError } from '@inattention/core';
import { openDirectory } from '@inattention/formats/node';
import { type GoldenCase, readGoldenCase } from './golden-case.ts';

/** The folder of this package's cases. */
export const goldenDirectory: string = fileURLToPath(new URL('../../cases', import.meta.url));

/** Names of the cases in a folder, sorted: its subfolders. Throws InvalidFileError when there are none. */
export function listGoldenCases(directory: string = goldenDirectory): string[] {
  const names = subfolders(directory).sort();
  if (names.length === 0) {
    throw new InvalidFileError({
      what: `There are no golden cases in ${directory}.`,
      expected: 'a folder with one subfolder per case',
    });
  }
  return names;
}

/** Reads one case by name. Throws InvalidFileError. */
export async function loadGoldenCase(name: string, directory: string = goldenDirectory): Promise<GoldenCase> {
  return readGoldenCase(name, await openDirectory(join(directory, name)));
}

/**
 * The cases of a folder for the suite, read when needed. Default: the folder named by INATTENTION_GOLDEN_CASES, or else
 * the package's own.
 */
export function namedGoldenCases(directory: string = process.env.INATTENTION_GOLDEN_CASES ?? goldenDirectory) {
  return listGoldenCases(directory).map((name) => ({ name, load: () => loadGoldenCase(name, directory) }));
}

function subfolders(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (cause) {
    throw new InvalidFileError({ what: `The folder of golden cases ${directory} cannot be read.`, cause });
  }
}
