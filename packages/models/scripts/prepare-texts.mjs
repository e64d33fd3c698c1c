/** `node scripts/prepare-texts.mjs [FOLDER]`: writes train.jsonl and test.jsonl (default: into `texts`). */

import { readFileSync } from 'node:fs';
import { writeTexts } from './texts.mjs';

const [, , folder = 'texts'] = process.argv;
for (const path of Object.values(writeTexts(folder))) {
  const documents = readFileSync(path, 'utf8').trimEnd().split('\n');
  const characters = documents.reduce((sum, line) => sum + JSON.parse(line).text.length, 0);
  console.log(`${path}: ${documents.length} documents, ${characters.toLocaleString('en-US')} characters`);
}
