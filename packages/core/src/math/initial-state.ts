/**
 * Initial states x and context states x̂ (DESIGN §2):
 *
 *     e_i = E[t_i] (+ P[i])      x_i = e_i + Σ_{1≤j<w} M_j e_{i−j}      x̂_i = norm(x_i)
 *
 * Written over Operations<V>, so that training and inference share it. Rows can be any positions of a text: an
 * `IdWindow` carries the ids at each offset before them.
 */

import type { Backend } from '../backend/backend.ts';
import { IndexTensor } from '../operations/index-tensor.ts';
import type { Operations } from '../operations/operations.ts';
import type { ModelConfig } from './model-config.ts';

/** The parameters initial states are made of. */
export interface EmbeddingWeights<V> {
  /** E, [V, D]. */
  readonly embedding: V;
  /** P, [maxPositions, D]; null unless positions are learned. */
  readonly positions: V | null;
  /** M, [w−1, D, D], output × input; null when w = 1. */
  readonly initialState: V | null;
}

/** Random access to the ids of a text or context. */
export interface IdSequence {
  readonly length: number;
  at(position: number): number;
}

/** Ids and positions of n rows at each offset 0 … w−1 before them; −1 before the start. */
export interface IdWindow {
  /** ids[j][r] = id at position(r) − j. */
  readonly ids: readonly IndexTensor[];
  /** positions[j][r] = position(r) − j, present only for learned positions. */
  readonly positions: readonly IndexTensor[] | null;
}

/** An id window with tensors of its own. */
export interface OwnedIdWindow extends IdWindow {
  dispose(): void;
}

/** What of a configuration decides the shape of id windows. */
type WindowConfig = Pick<ModelConfig, 'initialStateWindow' | 'positionEmbeddingType'>;

/** Positions of one text. */
export interface TextRows {
  readonly sequence: IdSequence;
  readonly positions: Int32Array;
}

/** Uploads the id window of rows at `rows` (positions in `sequence`). Dispose of it after use. */
export function createIdWindow(
  backend: Backend,
  sequence: IdSequence,
  rows: Int32Array,
  config: WindowConfig,
): OwnedIdWindow {
  return createJoinedIdWindow(backend, [{ sequence, positions: rows }], config);
}

/** Uploads the id window of rows of several texts, one text after the other. Dispose of it after use. */
export function createJoinedIdWindow(
  backend: Backend,
  texts: readonly TextRows[],
  config: WindowConfig,
): OwnedIdWindow {
  return ownIdWindow(backend, texts, config, (values) => new IndexTensor(backend, values));
}

/** Builds an id window whose ids get to the device by `place(ids at an offset, offset)`. */
export function ownIdWindow(
  backend: Backend,
  texts: readonly TextRows[],
  config: WindowConfig,
  place: (values: Int32Array, offset: number) => IndexTensor,
): OwnedIdWindow {
  const owned: IndexTensor[] = [];
  const own = (tensor: IndexTensor): IndexTensor => {
    owned.push(tensor);
    return tensor;
  };
  const dispose = () => {
    for (const tensor of owned) tensor.dispose();
  };
  const rows = texts.reduce((count, { positions }) => count + positions.length, 0);
  /** A value for every row, of its text and the position `offset` before it. */
  const each = (offset: number, valueAt: (sequence: IdSequence, position: number) => number): Int32Array => {
    const values = new Int32Array(rows);
    let row = 0;
    for (const { sequence, positions } of texts) {
      for (const position of positions) values[row++] = valueAt(sequence, Math.max(-1, position - offset));
    }
    return values;
  };
  const offsets = Array.from({ length: config.initialStateWindow }, (_, offset) => offset);
  try {
    const ids = offsets.map((offset) =>
      own(
        place(
          each(offset, (sequence, position) => (position < 0 ? -1 : sequence.at(position))),
          offset,
        ),
      ),
    );
    const learned = config.positionEmbeddingType === 'learned';
    const positions = learned
      ? offsets.map((offset) =>
          own(
            new IndexTensor(
              backend,
              each(offset, (_, position) => position),
            ),
          ),
        )
      : null;
    return { ids, positions, dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Consecutive rows [start, start + count). */
export function consecutive(start: number, count: number): Int32Array {
  const rows = new Int32Array(count);
  for (let row = 0; row < count; row += 1) rows[row] = start + row;
  return rows;
}

/** x of the window's rows, [n, D]. */
export function initialStates<V>(operations: Operations<V>, weights: EmbeddingWeights<V>, window: IdWindow): V {
  const embedded = window.ids.map((ids, offset) => {
    const tokens = operations.embed(weights.embedding, ids); // [n, D]
    const positions = window.positions?.[offset];
    if (weights.positions === null || positions === undefined) return tokens;
    return operations.add(tokens, operations.embed(weights.positions, positions));
  });
  return mixWindow(operations, weights, embedded);
}

/** e_0 + Σ_{1≤j<w} M_j e_j for one [n, D] per offset. */
export function mixWindow<V>(operations: Operations<V>, weights: EmbeddingWeights<V>, embedded: readonly V[]): V {
  return embedded.reduce((state, earlier, offset) =>
    operations.add(state, windowTerm(operations, weights, earlier, offset)),
  );
}

/** M_j e for e [n, D]; M_0 is the identity. */
export function windowTerm<V>(operations: Operations<V>, weights: EmbeddingWeights<V>, embedded: V, offset: number): V {
  if (offset === 0 || weights.initialState === null) return embedded;
  const size = operations.shapeOf(embedded)[1] as number;
  const matrix = operations.reshape(operations.slice(weights.initialState, offset - 1, 1), [size, size]);
  return operations.linear(embedded, matrix);
}
