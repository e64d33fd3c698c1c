/** Attention over 33,000 entries against float64, over a cache and over a table with keys still to be rotated. */

import type { Group, Trial } from '../conformance-group.ts';
import { variantsOf } from '../evaluate.ts';
import { checkAttend } from './attention-trial.ts';
import { describeView, type ViewOptions } from './described-view.ts';

const length = 33_000;

/** The last position, one before it, the middle, and one in the first page. */
const positions = [length - 1, length - 2, 16_400, 200];

const views: Readonly<Record<string, ViewOptions>> = {
  'a cache': { length, kvHeads: 2, headDim: 16 },
  'a table, rotated': { length, kvHeads: 2, headDim: 16, window: 3, slots: 700, scaled: true, ropeTheta: 10_000 },
};

export function longTests(group: Group): void {
  const dtypes = group.capabilities.contextDTypes.filter((dtype) => dtype === 'f32' || dtype === 'f16');
  for (const { name, fused } of variantsOf(group.fused.has('attend'))) {
    group.describe(`${length} entries, ${name}`, () => {
      for (const [what, options] of Object.entries(views)) {
        for (const dtype of dtypes) {
          group.test(`${what}, ${dtype}`, async (trial: Trial) => {
            const view = describeView({ ...options, dtype });
            await checkAttend(trial, { view, heads: 4, positions }, fused, what);
            await checkAttend(trial, { view, heads: 4, positions: positions.slice(0, 1) }, fused, `one query, ${what}`);
          });
        }
      }
    });
  }
}
