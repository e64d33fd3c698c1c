/**
 * Which kernel a part runs on, by its shape and facts of the device. Software adapters: registers, no barriers. GPUs:
 * up to 8 rows are bound by reading `b` (few-rows-*), more are done in tiles: the largest that give enough workgroups to
 * fill a GPU; where even the smallest do not, `inner` is shared out too.
 */

import type { DeviceTraits } from '../../execution/kernel-runner.ts';
import { dotColumns } from './few-rows-dot.ts';
import { outerColumns } from './few-rows-outer.ts';
import type { Problem } from './problem.ts';
import type { DotShape } from './registers-dot.ts';
import type { OuterShape } from './registers-outer.ts';
import { invocationsOf, type Tile, workgroupBytesOf } from './tiled.ts';

export type Choice =
  | { readonly kernel: 'registers-outer'; readonly shape: OuterShape }
  | { readonly kernel: 'registers-dot'; readonly shape: DotShape }
  | { readonly kernel: 'few-rows-outer' | 'few-rows-dot'; readonly rows: 1 | 2 | 4 | 8; readonly splits: number }
  | { readonly kernel: 'tiled'; readonly tile: Tile; readonly splits: number };

/** Workgroups that occupy a large GPU: below this, smaller tiles or splits of `inner` are used. */
const enoughWorkgroups = 128;
/** Workgroups of the few-rows kernels, which wait for memory and so want more of them. */
const enoughReaders = 256;

/** Results per workgroup, large to small. */
export const tiles: readonly Tile[] = [
  { rows: 128, columns: 64, each: 8 },
  { rows: 64, columns: 64, each: 8 },
  { rows: 32, columns: 32, each: 4 },
];
/** For 9 to 16 rows. */
export const flatTile: Tile = { rows: 16, columns: 64, each: 4 };

export function chooseKernel(traits: DeviceTraits, problem: Problem): Choice {
  const { b, batch, rows, columns, inner } = problem;
  const few = atLeast(rows);
  if (traits.software) {
    return b.alongInner
      ? { kernel: 'registers-dot', shape: { rows: few, columns: columns > 2 ? 4 : (atLeast(columns) as 1 | 2) } }
      : { kernel: 'registers-outer', shape: { rows: few, vectors: columns > 4 ? 2 : 1 } };
  }
  if (rows <= 8) {
    const splits = (covered: number, shortest: number) =>
      Math.min(Math.floor(enoughReaders / (Math.ceil(columns / covered) * batch)), Math.floor(inner / shortest));
    return b.alongInner
      ? { kernel: 'few-rows-dot', rows: few, splits: Math.max(1, splits(dotColumns, 256)) }
      : { kernel: 'few-rows-outer', rows: few, splits: Math.max(1, splits(outerColumns, 128)) };
  }
  const fitting = rows <= 16 ? [flatTile] : tiles.filter((tile) => tile.rows < 2 * rows && runsOn(traits, tile));
  const workgroups = (tile: Tile) => Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns) * batch;
  const tile = fitting.find((one) => workgroups(one) >= enoughWorkgroups) ?? fitting.at(-1) ?? flatTile;
  const splits = Math.min(Math.floor(enoughWorkgroups / workgroups(tile)), Math.floor(inner / 256));
  return { kernel: 'tiled', tile, splits: Math.max(1, splits) };
}

function runsOn({ maxInvocations, maxWorkgroupBytes }: DeviceTraits, tile: Tile): boolean {
  return invocationsOf(tile) <= maxInvocations && workgroupBytesOf(tile) <= maxWorkgroupBytes;
}

/** The fewest rows (or columns) of a variant that cover `count`, up to 8. */
function atLeast(count: number): 1 | 2 | 4 | 8 {
  if (count <= 1) return 1;
  return count <= 2 ? 2 : count <= 4 ? 4 : 8;
}
