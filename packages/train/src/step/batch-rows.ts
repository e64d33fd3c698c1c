/**
 * A batch as rows: the positions of all its texts one after another, and what of them each part of the decoder needs.
 * Everything but attention goes over all rows at once; attention goes text by text (`AttentionText`). Where documents
 * are kept separate, each is a text of its own: nothing before it is seen, windows and positions begin at it.
 *
 * Shape letters: N rows of the batch, n rows whose losses count.
 */

import { type Backend, IndexTensor } from '@inattention/core';
import { createJoinedIdWindow, type IdWindow, type ModelConfig } from '@inattention/core/math';
import { Owned } from './owned.ts';
import { chosenTargets, joined, lossTermsOf, positionsOf, type Segment, startsOf } from './segments.ts';

/** Rows of one text, as attention takes them. */
export interface AttentionText {
  readonly keyStart: number;
  readonly keyCount: number;
  /** Queries among the rows whose hidden states are computed. */
  readonly queryStart: number;
  readonly queryCount: number;
  /** Their positions in the text, [queryCount]. */
  readonly positions: IndexTensor;
}

/** Rows whose hidden states are computed: all, or those whose losses count. */
interface QueryRows {
  /** Position of each row in its text. */
  readonly positions: IndexTensor;
  readonly texts: readonly AttentionText[];
}

export interface BatchRows {
  readonly window: IdWindow;
  readonly all: QueryRows;
  /** The same object as `all` when every row's loss counts. */
  readonly chosen: QueryRows;
  /** Rows whose losses count, [n], among all. */
  readonly chosenRows: IndexTensor;
  /** Ids they are to foresee, [n]. */
  readonly targets: IndexTensor;
  dispose(): void;
}

/** The rows of a batch on a device; dispose of them after the gradients. */
export function createBatchRows(backend: Backend, config: ModelConfig, segments: readonly Segment[]): BatchRows {
  return Owned.collect((owned) => {
    const index = (values: Int32Array) => owned.own(new IndexTensor(backend, values));
    const positions = segments.map(({ tokens }) => Int32Array.from(tokens, (_, position) => position));
    const starts = startsOf(segments.map(({ tokens }) => tokens.length));
    const queryRows = (queries: readonly Int32Array[]): QueryRows => {
      const queryStarts = startsOf(queries.map(({ length }) => length));
      const all = index(joined(queries));
      const texts = segments.flatMap(({ tokens }, number) => {
        const { length: queryCount } = queries[number] as Int32Array;
        const queryStart = queryStarts[number] as number;
        if (queryCount === 0) return [];
        const values = all.values.subarray(queryStart, queryStart + queryCount);
        const slice = owned.own(IndexTensor.over(values, all.tensor.slice(queryStart, queryCount)));
        const keyStart = starts[number] as number;
        return [{ keyStart, keyCount: tokens.length, queryStart, queryCount, positions: slice }];
      });
      return { positions: all, texts };
    };
    const sequences = segments.map(({ tokens }, number) => ({
      sequence: { length: tokens.length, at: (position: number) => tokens[position] as number },
      positions: positions[number] as Int32Array,
    }));
    const all = queryRows(positions);
    const everything = lossTermsOf(segments) === positionsOf(segments);
    return {
      window: owned.own(createJoinedIdWindow(backend, sequences, config)),
      all,
      chosen: everything ? all : queryRows(segments.map(({ chosen }) => chosen)),
      chosenRows: index(
        joined(segments.map(({ chosen }, number) => chosen.map((row) => row + (starts[number] as number)))),
      ),
      targets: index(chosenTargets(segments)),
    };
  });
}
