/**
 * Attention of chosen positions over contexts known by their ids, with keys, values and their gradients kept per table row
 * (DESIGN §3.9):
 *
 *     K[r] = W_K (g ⊙ T[r]);   k̃_i = s_i Σ_j K[slot(i−j) · w + j];   k_i = R_i norm(k̃_i + b_K);   v_i = ṽ_i + b_V
 *
 * (norm and biases where the model has them). Dense keys and values exist for a chunk of positions at a time. Forward,
 * attention reads the rows as a context view where nothing stands between k̃ and k but the rotation. Backward, a chunk is
 * made dense, its gradients come from log-sum-exp, and are added to the rows they came from: as many numbers as there are
 * rows, however long the contexts. Learned positions add W_K (g ⊙ S[i]) to a position's sum, which is computed for a chunk
 * at a time.
 *
 * Shape letters: N positions, n queries, H query heads, G key/value heads, C head size, D hidden size, U distinct ids,
 * w window.
 */

import {
  type ContextView,
  denseContext,
  type EagerOperations,
  lowestFloat,
  type RopeAngles,
  type Tensor,
} from '@inattention/core';
import type { Recorded } from '@inattention/core/autograd';
import type { ModelConfig } from '@inattention/core/math';
import { differentiateChunk, type FinishWeights, finishChunk, isFinished } from './chunk-keys.ts';
import { type StateTerms, scalesOf } from './context-scales.ts';
import { productInto } from './product.ts';
import { eachRowBlock } from './row-blocks.ts';
import type { TableChunk, TableRows } from './table-rows.ts';

interface TableAttentionInputs extends StateTerms, FinishWeights<Tensor> {
  /** [n, H, C], rotated. */
  readonly queries: Tensor;
  /** g, [D] */
  readonly norm: Tensor;
  /** W_K, [G·C, D] */
  readonly key: Tensor;
  /** W_V, [G·C, D] */
  readonly value: Tensor;
  /** s, [N] */
  readonly scales: Tensor;
}

interface TableAttentionOptions {
  readonly rows: TableRows;
  readonly config: ModelConfig;
  readonly angles: RopeAngles | null;
  readonly slopes: Tensor | null;
  /** Factor on q·k. */
  readonly scale: number;
}

/** Keys and values of the rows of a table, [U · w, G, C] each. */
interface KeyValueTable {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** The order in which the gradients of the inputs are given, but for those that are null. */
const inputOrder = [
  ...(['queries', 'norm', 'key', 'value', 'scales', 'terms'] as const),
  ...(['keyBias', 'valueBias', 'keyNorm', 'positionStates'] as const),
] as const;

/** Attention [n, H, C], and how it is differentiated: in the order of `inputOrder`. */
export function tableAttention(
  operations: EagerOperations,
  inputs: TableAttentionInputs,
  options: TableAttentionOptions,
): Recorded {
  const { queries } = inputs;
  const [count = 0, heads = 0] = queries.shape;
  const { scale, slopes, rows } = options;
  const [output, logSumExp, keys, values] = operations.scope(() => {
    const table = projectRows(operations, inputs, inputs.terms, options);
    const state = {
      out: operations.zeros(queries.shape),
      max: operations.full([count, heads], lowestFloat),
      sum: operations.zeros([count, heads]),
    };
    for (const chunk of rows.chunks) {
      operations.scope(() => {
        const query = (tensor: Tensor) => operations.slice(tensor, chunk.queryStart, chunk.queryCount);
        const into = { out: query(state.out), max: query(state.max), sum: query(state.sum) };
        const { view, from } = chunkView(operations, inputs, table, chunk, options);
        const attend = (seen: ContextView, first: number) =>
          operations.attend(query(queries), chunk.queryPositions, seen, { scale, slopes, into, from: first });
        if (isFinished(inputs)) attend({ ...view, rope: options.angles }, from);
        else {
          const sums = operations.expandContext(view, from, view.length);
          const { keys, values } = finishChunk(operations, inputs, sums, chunk, options);
          attend(denseContext(keys, values, chunk.start), 0);
        }
      });
    }
    return [state.out, operations.logSumExp(state), table.keys, table.values] as const;
  });
  return {
    output,
    saved: [logSumExp, keys, values],
    backward: (run, gradient, _wanted, present) => {
      const kept = { output, logSumExp, keys, values };
      return differentiate(run, inputs, kept, gradient, present, options);
    },
  };
}

function differentiate(
  run: EagerOperations,
  inputs: TableAttentionInputs,
  { output, logSumExp, ...table }: KeyValueTable & { readonly output: Tensor; readonly logSumExp: Tensor },
  gradient: Tensor,
  present: readonly (Tensor | undefined)[],
  options: TableAttentionOptions,
): (Tensor | null)[] {
  const names = inputOrder.filter((name) => inputs[name] !== null);
  const totals = names.map((name, place) => present[place] ?? run.zeros((inputs[name] as Tensor).shape));
  const total = (name: (typeof names)[number]) => totals[names.indexOf(name)] as Tensor;
  const { queries, terms, scales, positionStates } = inputs;
  const { scale, slopes, rows } = options;
  const width = inputs.key.shape[0] as number;
  run.scope(() => {
    const flat = [terms.shape[0] as number, width];
    const rowGradients = { keys: run.zeros(flat), values: run.zeros(flat) };
    for (const chunk of rows.chunks) {
      run.scope(() => {
        const query = (tensor: Tensor) => run.slice(tensor, chunk.queryStart, chunk.queryCount);
        const perPosition = (tensor: Tensor) => run.reshape(tensor, [chunk.count, width]);
        const sums = run.scope(() => {
          const { view, from } = chunkView(run, inputs, table, chunk, options);
          return run.expandContext(view, from, view.length);
        });
        const found = differentiateChunk(run, inputs, sums, chunk, options, ({ keys, values }) => {
          const part = run.attendBackward(
            {
              queries: query(queries),
              positions: chunk.queryPositions,
              keys,
              values,
              firstPosition: chunk.start,
              out: query(output),
              logSumExp: query(logSumExp),
              gradOut: query(gradient),
            },
            { scale, slopes },
          );
          run.addInto(query(total('queries')), part.queries);
          return part;
        });
        for (const name of ['keyBias', 'valueBias', 'keyNorm'] as const) {
          if (found[name] !== null) run.addInto(total(name), found[name]);
        }
        const ownScales = scalesOf(run, scales, chunk);
        // Both are s times something: ds = (dk̃ · k̃ + dṽ · ṽ) / s.
        run.scope(() => {
          const along = run.multiply(perPosition(found.keys), perPosition(sums.keys));
          run.addInto(along, run.multiply(perPosition(found.values), perPosition(sums.values)));
          run.addInto(scalesOf(run, total('scales'), chunk), run.divide(run.sum(along, 1), ownScales));
        });
        const back = (tensor: Tensor) => run.multiply(perPosition(tensor), run.reshape(ownScales, [chunk.count, 1]));
        const gradients = { keys: back(found.keys), values: back(found.values) };
        run.addGroupedRows(rowGradients.keys, chunk.groups, gradients.keys);
        run.addGroupedRows(rowGradients.values, chunk.groups, gradients.values);
        if (positionStates !== null) {
          const own = (tensor: Tensor) => run.slice(tensor, chunk.start, chunk.count);
          addProjection(run, inputs, own(positionStates), gradients, own(total('positionStates')), total);
        }
      });
    }
    addProjection(run, inputs, terms, rowGradients, total('terms'), total);
  });
  return totals.map((tensor, place) => (present[place] === undefined ? tensor : null));
}

/** Keys and values [rows, G, C] of g ⊙ `states` [rows, D], a block of rows at a time. */
function projectRows(
  operations: EagerOperations,
  { norm, key, value }: TableAttentionInputs,
  states: Tensor,
  { config: { numKeyValueHeads, headDim } }: TableAttentionOptions,
): KeyValueTable {
  const [count = 0] = states.shape;
  return operations.scope(() => {
    const flat = [count, numKeyValueHeads * headDim];
    const keys = operations.allocate(flat);
    const values = operations.allocate(flat);
    eachRowBlock(operations, states, (block, slice) => {
      const scaled = operations.multiply(block, norm);
      productInto(operations, slice(keys), scaled, key, { transposeB: true });
      productInto(operations, slice(values), scaled, value, { transposeB: true });
    });
    const shape = [count, numKeyValueHeads, headDim];
    return { keys: operations.reshape(keys, shape), values: operations.reshape(values, shape) };
  });
}

/**
 * Adds to `forStates` and to the gradients of g, W_K and W_V what the gradients of keys and values [rows, G·C] of
 * g ⊙ `states` give.
 */
function addProjection(
  run: EagerOperations,
  { norm, key, value }: TableAttentionInputs,
  states: Tensor,
  gradients: { readonly keys: Tensor; readonly values: Tensor },
  forStates: Tensor,
  total: (name: 'norm' | 'key' | 'value') => Tensor,
): void {
  eachRowBlock(run, states, (block, slice) => {
    const [keys, values] = [slice(gradients.keys), slice(gradients.values)];
    const scaled = run.multiply(block, norm);
    productInto(run, total('key'), keys, scaled, { transposeA: true, accumulate: true });
    productInto(run, total('value'), values, scaled, { transposeA: true, accumulate: true });
    productInto(run, scaled, keys, key); // the gradient of g ⊙ states
    productInto(run, scaled, values, value, { accumulate: true });
    run.addInto(total('norm'), run.sum(run.multiply(scaled, block), 0));
    run.addInto(slice(forStates), run.multiply(scaled, norm));
  });
}

/** The sums of a chunk, entries from `from` on; those before it are there for windows to reach back to. */
function chunkView(
  operations: EagerOperations,
  inputs: TableAttentionInputs,
  { keys, values }: KeyValueTable,
  { start, count, slotStart, scaleStart }: TableChunk,
  options: TableAttentionOptions,
): { readonly view: ContextView; readonly from: number } {
  const { rows } = options;
  const from = Math.min(start, rows.window - 1);
  const length = from + count;
  const positions =
    inputs.positionStates === null
      ? null
      : projectRows(operations, inputs, operations.slice(inputs.positionStates, start - from, length), options);
  const view = {
    ...denseContext(keys, values, start - from),
    length,
    window: rows.window,
    pageLength: length,
    index: [operations.slice(rows.slots, slotStart - from, length)],
    scale: [operations.slice(inputs.scales, scaleStart - from, length)],
    positionRows: positions === null ? null : { pages: [positions], rowsPerPage: length },
  };
  return { view, from };
}
