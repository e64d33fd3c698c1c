/**
 * A batch as rows of a table (DESIGN §3.3, §3.9): what is needed of the positions whose losses do not count is which
 * (offset, id) rows they use. Ids that occur get slots; row slot · w + j belongs to the id at offset j. Contexts go up to
 * the last position that counts, in chunks, so that what is computed from a position is never there for all of them.
 *
 * Shape letters: N positions up to the last that counts, n positions that count, U distinct ids, w window.
 */

import { type Backend, IndexTensor, RowGroups, Tensor } from '@inattention/core';
import { consecutive, type ModelConfig } from '@inattention/core/math';
import { Owned } from './owned.ts';
import { chosenTargets, joined, type Segment, startsOf } from './segments.ts';

/** Consecutive positions of a text, and the queries that see some of them. */
export interface TableChunk {
  /** Its first position, and how many. */
  readonly start: number;
  readonly count: number;
  /** Where it begins among the scales of all texts. */
  readonly scaleStart: number;
  /** Where it begins among the slots of all texts, before which are those of the w − 1 positions before it, −1 for none. */
  readonly slotStart: number;
  /** Which position's gradient goes to which rows of the table. */
  readonly groups: RowGroups;
  /** Queries among all that count. */
  readonly queryStart: number;
  readonly queryCount: number;
  /** [queryCount] */
  readonly queryPositions: IndexTensor;
}

export interface TableRows {
  /** w */
  readonly window: number;
  /** The distinct ids, [U]: id ids[u] has slot u. */
  readonly ids: IndexTensor;
  /** i32: for each text w − 1 times −1, then the slot of each position. */
  readonly slots: Tensor;
  /** N, of all texts. */
  readonly count: number;
  /** Learned positions: those of the longest text, less each offset; −1 before the start. */
  readonly positions: readonly IndexTensor[] | null;
  readonly chunks: readonly TableChunk[];
  /** Positions that count, [n]. */
  readonly chosenPositions: IndexTensor;
  /** The table's rows that make up their initial states, [n] per offset; −1 for none. */
  readonly chosenRows: readonly IndexTensor[];
  /** Ids they are to foresee, [n]. */
  readonly targets: IndexTensor;
  dispose(): void;
}

/** Numbers of an array of a chunk, at most: 1 MiB. */
const chunkNumbers = 2 ** 18;

/** Positions of a chunk: few enough for its keys, values and states, enough for products to be products. */
function chunkLength({ hiddenSize, numKeyValueHeads, headDim }: ModelConfig): number {
  const width = Math.max(hiddenSize, numKeyValueHeads * headDim);
  return Math.min(4096, Math.max(256, 2 ** Math.floor(Math.log2(chunkNumbers / width))));
}

/** The positions of a text that are seen: up to the last that counts. */
export function seenLength({ chosen }: Segment): number {
  return (chosen.at(-1) ?? -1) + 1;
}

/** The distinct ids that are seen, in the order of their first appearance. */
export function distinctIds(segments: readonly Segment[]): number[] {
  const ids = new Set<number>();
  for (const segment of segments) for (const id of segment.tokens.subarray(0, seenLength(segment))) ids.add(id);
  return [...ids];
}

/** The table rows of a batch on a device; dispose of them after the gradients. */
export function createTableRows(
  backend: Backend,
  config: ModelConfig,
  segments: readonly Segment[],
  length = chunkLength(config),
): TableRows {
  const { initialStateWindow: window, positionEmbeddingType } = config;
  const ids = distinctIds(segments);
  const slotOf = new Map(ids.map((id, slot) => [id, slot]));
  const texts = segments.map((segment) => ({
    ...segment,
    slots: Int32Array.from(segment.tokens.subarray(0, seenLength(segment)), (id) => slotOf.get(id) as number),
  }));
  return Owned.collect((owned) => {
    const index = (values: Int32Array) => owned.own(new IndexTensor(backend, values));
    const before = new Int32Array(window - 1).fill(-1);
    const slots = joined(texts.flatMap((text) => (text.slots.length === 0 ? [] : [before, text.slots])));
    const chosenPositions = index(joined(texts.map(({ chosen }) => chosen)));
    const queryStarts = startsOf(texts.map(({ chosen }) => chosen.length));
    const chunks: TableChunk[] = [];
    let [scaleStart, slotStart] = [0, 0];
    texts.forEach((text, number) => {
      const { slots: own, chosen } = text;
      if (own.length === 0) return;
      slotStart += window - 1;
      for (let start = 0; start < own.length; start += length) {
        const count = Math.min(length, own.length - start);
        const unseeing = chosen.findIndex((position) => position >= start);
        const queryStart = (queryStarts[number] as number) + unseeing;
        const queryCount = chosen.length - unseeing;
        const groups = offsets(window).map((offset) => rowsAt(own, consecutive(start, count), offset, window));
        chunks.push({
          start,
          count,
          scaleStart: scaleStart + start,
          slotStart: slotStart + start,
          groups: owned.own(new RowGroups(backend, groups)),
          queryStart,
          queryCount,
          queryPositions: owned.own(
            IndexTensor.over(
              chosenPositions.values.subarray(queryStart, queryStart + queryCount),
              chosenPositions.tensor.slice(queryStart, queryCount),
            ),
          ),
        });
      }
      scaleStart += own.length;
      slotStart += own.length;
    });
    const longest = consecutive(0, Math.max(...texts.map((text) => text.slots.length)));
    return {
      window,
      ids: index(Int32Array.from(ids)),
      slots: owned.own(Tensor.from(backend, slots, [slots.length], 'activations')),
      count: scaleStart,
      positions:
        positionEmbeddingType === 'learned'
          ? offsets(window).map((offset) => index(longest.map((position) => Math.max(-1, position - offset))))
          : null,
      chunks,
      chosenPositions,
      chosenRows: offsets(window).map((offset) =>
        index(joined(texts.map((text) => rowsAt(text.slots, text.chosen, offset, window)))),
      ),
      targets: index(chosenTargets(segments)),
    };
  });
}

function offsets(window: number): number[] {
  return Array.from({ length: window }, (_, offset) => offset);
}

/** The row of the id `offset` before each position, −1 before the start. */
function rowsAt(slots: Int32Array, positions: Int32Array, offset: number, window: number): Int32Array {
  return positions.map((position) => (position < offset ? -1 : (slots[position - offset] as number) * window + offset));
}
