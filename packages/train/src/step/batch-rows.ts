/**
 * A batch as rows: the positions of all its texts one after another, and what of them each part of the decoder needs.
 * Everything but attention goes over all rows at once; attention goes text by text (`AttentionText`). Where documents
 * are kept separate, each is a text of its own: nothing before it is seen, windows and positions begin at it.
 *
 * Shape letters: N rows of the batch, n rows whose losses count.
 */

import { type Backend, IndexTensor, InvalidArgumentError } from '@inattention/core';
import { createJoinedIdWindow, type IdWindow, type ModelConfig } from '@inattention/core/math';
import type { Batch, TrainingText } from '../data/batch-source.ts';
import { checkText } from './check-text.ts';

/** Whether documents that share a text see each other. */
export type DocumentMask = 'separate' | 'joined';

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
  /** N */
  readonly count: number;
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

/** A stretch of rows that see each other. */
interface Segment {
  readonly tokens: Int32Array;
  /** Positions whose losses count, ascending. */
  readonly chosen: Int32Array;
  /** What each position foresees. */
  readonly targets: Int32Array;
}

/**
 * The rows of a batch on a device; dispose of them after the gradients. Throws InvalidArgumentError, ShapeError or
 * TokenOutOfRangeError for a batch that the model cannot be trained on.
 */
export function createBatchRows(backend: Backend, config: ModelConfig, batch: Batch, mask: DocumentMask): BatchRows {
  const segments = batch.texts.flatMap((text, number) => {
    checkText(text, number, config);
    return segmentsOf(text, mask);
  });
  const owned: { dispose(): void }[] = [];
  const own = <T extends { dispose(): void }>(part: T): T => {
    owned.push(part);
    return part;
  };
  const index = (values: Int32Array) => own(new IndexTensor(backend, values));
  const dispose = () => {
    for (const part of owned.splice(0)) part.dispose();
  };
  try {
    const positionsOf = segments.map(({ tokens }) => Int32Array.from(tokens, (_, position) => position));
    const starts = startsOf(segments.map(({ tokens }) => tokens.length));
    const queryRows = (queries: readonly Int32Array[]): QueryRows => {
      const queryStarts = startsOf(queries.map(({ length }) => length));
      const positions = index(joined(queries));
      const texts = segments.flatMap(({ tokens }, number) => {
        const { length: queryCount } = queries[number] as Int32Array;
        const queryStart = queryStarts[number] as number;
        if (queryCount === 0) return [];
        const values = positions.values.subarray(queryStart, queryStart + queryCount);
        const slice = own(IndexTensor.over(values, positions.tensor.slice(queryStart, queryCount)));
        const keyStart = starts[number] as number;
        return [{ keyStart, keyCount: tokens.length, queryStart, queryCount, positions: slice }];
      });
      return { positions, texts };
    };
    const chosenRows = joined(
      segments.map(({ chosen }, number) => chosen.map((row) => row + (starts[number] as number))),
    );
    const count = starts.at(-1) as number;
    if (chosenRows.length === 0) {
      throw new InvalidArgumentError({
        what: 'A batch has no position whose loss counts.',
        got: `${batch.texts.length} texts, ${count} positions`,
        fix: 'choose positions, or take longer texts or documents',
      });
    }
    const sequences = segments.map(({ tokens }, number) => ({
      sequence: { length: tokens.length, at: (position: number) => tokens[position] as number },
      positions: positionsOf[number] as Int32Array,
    }));
    const all = queryRows(positionsOf);
    return {
      count,
      window: own(createJoinedIdWindow(backend, sequences, config)),
      all,
      chosen: chosenRows.length === count ? all : queryRows(segments.map(({ chosen }) => chosen)),
      chosenRows: index(chosenRows),
      targets: index(joined(segments.map(({ chosen, targets }) => chosen.map((at) => targets[at] as number)))),
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/**
 * The stretches of a text that see each other. The first id of a separate document is foreseen by nobody: what is before
 * it says nothing about it.
 */
function segmentsOf({ tokens, documentStarts, positions }: TrainingText, mask: DocumentMask): Segment[] {
  const length = tokens.length - 1;
  const inner = mask === 'joined' ? [] : [...documentStarts].filter((start) => start > 0 && start < length);
  const edges = [0, ...inner, length];
  const unseen = new Set(mask === 'joined' ? [] : documentStarts);
  const counts = positions ?? Int32Array.from({ length }, (_, position) => position);
  return edges.slice(0, -1).map((start, number) => {
    const end = edges[number + 1] as number;
    const chosen = counts.filter((place) => place >= start && place < end && !unseen.has(place + 1));
    return {
      tokens: tokens.subarray(start, end),
      targets: tokens.subarray(start + 1, end + 1),
      chosen: chosen.map((place) => place - start),
    };
  });
}

/** Where parts of these lengths begin when they follow each other, and where the last ends. */
function startsOf(lengths: readonly number[]): number[] {
  let end = 0;
  return [0, ...lengths.map((length) => (end += length))];
}

function joined(parts: readonly Int32Array[]): Int32Array {
  const out = new Int32Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
