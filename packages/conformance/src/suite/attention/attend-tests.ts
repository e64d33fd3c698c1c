/** attend over every kind of context view, for every number of queries, heads and entries. */

import type { Group, Trial } from '../conformance-group.ts';
import { variantsOf } from '../evaluate.ts';
import { lengthsUpTo } from '../lengths.ts';
import { checkAttend } from './attention-trial.ts';
import { describeView, type ViewOptions } from './described-view.ts';

type Kind = Omit<ViewOptions, 'kvHeads' | 'headDim' | 'dtype'>;

/** What contexts look like: a KV cache, a table, both with everything they may carry, in pages of any size. */
const kinds: Readonly<Record<string, Kind>> = {
  'one page': { length: 300, rowsPerPage: 300 },
  'pages of 256': { length: 600 },
  'pages of 5 rows': { length: 23, rowsPerPage: 5 },
  'a first position': { length: 270, firstPosition: 1000 },
  'an index into slots': { length: 300, slots: 240 },
  'an index into two pages of slots': { length: 300, slots: 290 },
  'a scale per position': { length: 300, scaled: true },
  'window 2': { length: 300, window: 2 },
  'window 3, index, scale': { length: 300, window: 3, slots: 40, scaled: true },
  'position rows': { length: 300, positionRows: true },
  'window 2, index, scale, position rows': { length: 300, window: 2, slots: 40, scaled: true, positionRows: true },
  rope: { length: 300, ropeTheta: 10_000 },
  'rope, a first position': { length: 300, ropeTheta: 10_000, firstPosition: 40_000 },
  'window 3, index, scale, rope': { length: 600, window: 3, slots: 300, scaled: true, ropeTheta: 500_000 },
  'everything, in odd pages': {
    length: 130,
    window: 3,
    slots: 20,
    scaled: true,
    positionRows: true,
    ropeTheta: 10_000,
    firstPosition: 77,
    rowsPerPage: 9,
    pageLength: 7,
  },
};

const headShapes = [
  { heads: 4, kvHeads: 2, headDim: 8, sloped: false },
  { heads: 6, kvHeads: 2, headDim: 6, sloped: true },
  { heads: 3, kvHeads: 3, headDim: 32, sloped: true },
];

export function attendTests(group: Group): void {
  const dtypes = group.capabilities.contextDTypes.filter((dtype) => dtype === 'f32' || dtype === 'f16');
  for (const { name, fused } of variantsOf(group.fused.has('attend'))) {
    group.describe(`attend, ${name}`, () => {
      for (const [what, kind] of Object.entries(kinds)) {
        for (const dtype of dtypes) group.test(`${what}, ${dtype}`, (trial) => checkKind(trial, kind, dtype, fused));
      }
      group.test('every number of entries, one query and several', (trial) => entryCounts(trial, fused));
      group.test('every number of queries', (trial) => queryCounts(trial, fused));
      group.test('every shape of heads', (trial) => allHeadShapes(trial, fused));
    });
  }
}

/** The last position, the first, what lies between, a repetition, one beyond the end, and one that sees nothing. */
function somePositions({ length, firstPosition = 0 }: Kind): number[] {
  const places = [length - 1, 0, Math.floor(length / 2), 1, length - 1, length + 3, Math.floor(length / 3)];
  const positions = places.map((place) => firstPosition + place);
  return firstPosition > 0 ? [...positions, firstPosition - 1, 0] : positions;
}

async function checkKind(trial: Trial, kind: Kind, dtype: 'f32' | 'f16', fused: boolean): Promise<void> {
  const positions = somePositions(kind);
  for (const { heads, sloped, ...shape } of headShapes) {
    const view = describeView({ ...kind, ...shape, dtype });
    const what = `${heads} heads over ${shape.kvHeads} of ${shape.headDim}`;
    for (const leadingWords of [0, 5]) {
      await checkAttend(trial, { view, heads, positions, sloped }, fused, what, leadingWords);
    }
    await checkAttend(trial, { view, heads, positions: positions.slice(0, 1), sloped }, fused, `one query, ${what}`);
  }
}

/** Blocks of 64 and pages of 256 begin and end within these. */
async function entryCounts(trial: Trial, fused: boolean): Promise<void> {
  for (const length of [...lengthsUpTo(1024), 320, 321, 767, 769]) {
    const view = describeView({ length, kvHeads: 2, headDim: 8 });
    const table = describeView({ length, kvHeads: 2, headDim: 8, window: 2, slots: 17, scaled: true, ropeTheta: 1e4 });
    const last = [length - 1];
    await checkAttend(trial, { view, heads: 4, positions: last }, fused, `${length} entries`);
    await checkAttend(trial, { view: table, heads: 4, positions: last }, fused, `${length} entries of a table`);
    const several = [length - 1, 0, length >> 1, Math.max(0, length - 2)];
    await checkAttend(
      trial,
      { view, heads: 4, positions: several, sloped: true },
      fused,
      `${length} entries, 4 queries`,
    );
  }
}

async function queryCounts(trial: Trial, fused: boolean): Promise<void> {
  const view = describeView({ length: 130, kvHeads: 2, headDim: 8, firstPosition: 10 });
  for (const count of lengthsUpTo(256)) {
    const positions = Array.from({ length: count }, (_, t) => 10 + ((t * 53) % 130));
    await checkAttend(trial, { view, heads: 4, positions }, fused, `${count} queries`);
  }
}

async function allHeadShapes(trial: Trial, fused: boolean): Promise<void> {
  for (const headDim of [1, 2, 3, 4, 5, 8, 12, 16, 24, 32, 64, 80, 96, 128, 256]) {
    for (const [heads, kvHeads] of [
      [1, 1],
      [8, 1],
      [7, 7],
      [6, 3],
      [16, 2],
    ] as const) {
      const view = describeView({ length: 70, kvHeads, headDim });
      await checkAttend(
        trial,
        { view, heads, positions: [69, 30, 0] },
        fused,
        `${heads}/${kvHeads} heads of ${headDim}`,
      );
    }
  }
}
