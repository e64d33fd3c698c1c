/**
 * The rows of a table on the device, and how they are computed: row slot · w + j of a layer is
 * K_j[t] = W_K (g ⊙ M_j E[t]) for the id t in that slot (V_j likewise), and with learned positions row p of the position
 * rows is W_K (g ⊙ Σ_j M_j P[p−j]). M_j E[t] itself is kept for j ≥ 1, since 1/rms of a position is that of a sum of them. Where keys have biases or norms and w = 1, it is the finished key (`rowKind`). Which
 * slot an id has, and who uses it, is the business of context-table.ts.
 */

import type { PagedRows } from '../backend/context-view.ts';
import type { IndexTensor } from '../operations/index-tensor.ts';
import { bytesPerElement } from '../tensor/dtype.ts';
import { sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ContextDType } from './context-mode.ts';
import { type ContextSource, projectKeysAndValues, projectLinearly, rowKind } from './context-source.ts';
import { consecutive, createIdWindow, mixWindow } from './initial-state.ts';
import { KeyValueRows } from './key-value-rows.ts';
import { rowPageSlots, termPageNumbers } from './page-sizes.ts';
import { PagedArray } from './paged-array.ts';

type RowsByLayer = ReadonlyMap<number, KeyValueRows>;

/** Rows projected at a time: enough for full speed of a matrix product; bounds the scratch of filling. */
const fillRows = 768;

export class TableRows {
  readonly #model: ContextSource;
  readonly #dtype: ContextDType;
  readonly #window: number;
  /** Whether rows are keys and values as they are, not rotated, rather than parts of sums. */
  readonly #finished: boolean;
  readonly #rows: RowsByLayer;
  readonly #positionRows: RowsByLayer | null;
  /** M_j E[t] at row slot · (w−1) + j − 1, [D] each; null without a window and where positions are learned. */
  readonly #terms: PagedArray | null;

  constructor(model: ContextSource, dtype: ContextDType) {
    this.#model = model;
    this.#dtype = dtype;
    this.#window = model.config.initialStateWindow;
    this.#finished = rowKind(model.config) === 'finished';
    this.#rows = this.#makeRows(rowPageSlots * this.#window);
    this.#positionRows = model.weights.positions === null ? null : this.#makeRows(rowPageSlots);
    this.#terms = termPageNumbers(model.config) > 0 ? this.#makeTerms() : null;
  }

  /** Bytes of all row pages. */
  get byteLength(): number {
    let bytes = 0;
    for (const rows of this.#rows.values()) bytes += rows.byteLength;
    for (const rows of this.#positionRows?.values() ?? []) bytes += rows.byteLength;
    return bytes + (this.#terms?.byteLength ?? 0);
  }

  /** Bytes of a page of slots, in all layers. */
  get slotPageBytes(): number {
    return this.#window * this.#rowPageBytes + bytesPerElement[this.#dtype] * termPageNumbers(this.#model.config);
  }

  /** Bytes of a page of position rows, in all layers; 0 unless positions are learned. */
  get positionPageBytes(): number {
    return this.#positionRows === null ? 0 : this.#rowPageBytes;
  }

  /** Positions that have position rows; 0 unless positions are learned. */
  get positionCount(): number {
    const [first] = this.#positionRows?.values() ?? [];
    return first?.length ?? 0;
  }

  /** Takes pages for `slots` slots and `positions` position rows. On OutOfMemoryError those taken are to be truncated. */
  grow(slots: number, positions: number): void {
    for (const rows of this.#rows.values()) rows.grow(slots * this.#window);
    this.#terms?.grow(slots * (this.#window - 1));
    for (const rows of this.#positionRows?.values() ?? []) rows.grow(positions);
  }

  truncateSlots(slots: number): void {
    for (const rows of this.#rows.values()) rows.truncate(slots * this.#window);
    this.#terms?.truncate(slots * (this.#window - 1));
  }

  truncatePositions(positions: number): void {
    for (const rows of this.#positionRows?.values() ?? []) rows.truncate(positions);
  }

  /** Computes the rows of `ids` into `slots`: in each layer one product for keys and one for values, of all offsets. */
  fill(ids: readonly number[], slots: readonly number[]): void {
    const { operations, inattentionLayers, work } = this.#model;
    const block = Math.max(1, Math.floor(fillRows / this.#window));
    for (let start = 0; start < ids.length; start += block) {
      const places = slots.slice(start, start + block);
      operations.scope(() => {
        const terms = this.#makeTermsOf(ids.slice(start, start + block), places);
        for (const layer of inattentionLayers) {
          const { keys, values } = this.#rows.get(layer) as KeyValueRows;
          operations.scope(() => {
            const projected = this.#project(layer, terms);
            this.#store(keys, projected.keys, places, this.#window);
            this.#store(values, projected.values, places, this.#window);
          });
        }
        work.tableRows += places.length * this.#window * inattentionLayers.length;
      });
    }
  }

  /** Computes the position rows [start, end), where positions are learned. */
  fillPositions(start: number, end: number): void {
    for (let from = start; from < end; from += fillRows) this.#fillPositions(from, Math.min(end, from + fillRows));
  }

  /** Keeps M_j E[t] of each id t for 1 ≤ j < w, and returns it for each j < w: [n · w, D]. */
  #makeTermsOf(ids: readonly number[], slots: readonly number[]): Tensor {
    const { operations, weights, config, work } = this.#model;
    const { hiddenSize: width } = config;
    const further = this.#window - 1;
    return operations.scope(() => {
      using index = operations.index(ids);
      const embedded = operations.embed(weights.embedding, index); // [n, D]
      if (this.#finished) return operations.rmsNorm(embedded, null, config.rmsNormEps);
      if (weights.initialState === null) return embedded;
      const matrices = operations.reshape(weights.initialState, [further * width, width]);
      const products = operations.linear(embedded, matrices); // [n, (w−1) · D]
      work.windowProducts += ids.length * further;
      if (this.#terms !== null) this.#store(this.#terms, this.#stored(products), slots, further);
      const terms = operations.allocate([ids.length * this.#window, width]);
      const { copyBlock } = operations.backend.primitives;
      const shared = { out: terms, outStride: this.#window * width, outer: ids.length, inputOffset: 0 };
      copyBlock({ ...shared, input: embedded, inputStride: width, outOffset: 0, length: width });
      copyBlock({
        ...shared,
        input: products,
        inputStride: further * width,
        outOffset: width,
        length: further * width,
      });
      return terms;
    });
  }

  /** x of `count` positions, [count, D], from their ids and slots and those of the w−1 positions before (−1: none). */
  initialStates(ids: Tensor, slots: Tensor, start: number, count: number): Tensor {
    const { operations, weights, config } = this.#model;
    const { hiddenSize: width } = config;
    const further = this.#window - 1;
    return operations.scope(() => {
      const states = operations.allocate([count, width]);
      const { gatherRows } = operations.backend.primitives;
      gatherRows({
        ...{ pages: [weights.embedding], rowsPerPage: config.vocabSize, stride: 1, offset: 0 },
        ...{ ids: operations.slice(ids, start + further, count), width, accumulate: false, out: states },
      });
      for (let offset = 1; offset <= further; offset += 1) {
        const { pages, pageLength } = this.#terms as PagedArray;
        gatherRows({
          ...{ pages, rowsPerPage: pageLength, stride: further, offset: offset - 1 },
          ...{ ids: operations.slice(slots, start + further - offset, count), width, accumulate: true, out: states },
        });
      }
      return states;
    });
  }

  /** The rows of a layer as attention reads them. */
  rows(layer: number): PagedRows {
    return (this.#rows.get(layer) as KeyValueRows).paged;
  }

  positionRows(layer: number): PagedRows | null {
    return this.#positionRows?.get(layer)?.paged ?? null;
  }

  dispose(): void {
    this.truncateSlots(0);
    this.truncatePositions(0);
  }

  /** Bytes of `rowPageSlots` rows of keys and of values in all layers. */
  get #rowPageBytes(): number {
    const { config, inattentionLayers } = this.#model;
    const rowBytes = config.numKeyValueHeads * config.headDim * bytesPerElement[this.#dtype];
    return 2 * inattentionLayers.length * rowBytes * rowPageSlots;
  }

  #makeRows(pageLength: number): RowsByLayer {
    const { config, operations, inattentionLayers } = this.#model;
    const rowShape = [config.numKeyValueHeads, config.headDim];
    const options = { dtype: this.#dtype, rowShape, pageLength, purpose: 'table' } as const;
    return new Map(inattentionLayers.map((layer) => [layer, KeyValueRows.create(operations, options)]));
  }

  #makeTerms(): PagedArray {
    const { config, operations } = this.#model;
    const pageLength = rowPageSlots * (this.#window - 1);
    const options = { dtype: this.#dtype, rowShape: [config.hiddenSize], pageLength, purpose: 'table' } as const;
    return new PagedArray(operations, options);
  }

  #fillPositions(from: number, to: number): void {
    const { operations, weights, config, inattentionLayers, work } = this.#model;
    const table = weights.positions as Tensor;
    operations.scope(() => {
      const nothing = { length: to, at: () => -1 };
      const window = createIdWindow(operations.backend, nothing, consecutive(from, to - from), config);
      try {
        const embedded = (window.positions as readonly IndexTensor[]).map((rows) => operations.embed(table, rows));
        const state = mixWindow(operations, weights, embedded); // [n, D]
        work.windowProducts += (to - from) * (this.#window - 1);
        for (const layer of inattentionLayers) {
          const projected = this.#project(layer, state);
          this.#positionRows?.get(layer)?.write(from, projected.keys, projected.values);
        }
      } finally {
        window.dispose();
      }
    });
  }

  /** What keys and values take of g ⊙ term, in the table's dtype. */
  #project(layer: number, term: Tensor): { keys: Tensor; values: Tensor } {
    const { operations, weights, config } = this.#model;
    const parameters = weights.layers[layer] as (typeof weights.layers)[number];
    return operations.scope(() => {
      const inputs = operations.multiply(term, parameters.norm);
      const project = this.#finished ? projectKeysAndValues<Tensor> : projectLinearly<Tensor>;
      const { keys, values } = project(operations, parameters, inputs, config);
      return { keys: this.#stored(keys), values: this.#stored(values) };
    });
  }

  /** In the table's dtype. */
  #stored(numbers: Tensor): Tensor {
    return this.#dtype === 'f32' ? numbers : this.#model.operations.cast(numbers, this.#dtype);
  }

  /** Writes `rows` rows of each id to its slot, a run of neighbouring slots at a time. */
  #store(target: PagedArray, source: Tensor, slots: readonly number[], rows: number): void {
    const slotSize = rows * sizeOf(target.rowShape);
    for (let start = 0; start < slots.length; ) {
      const slot = slots[start] as number;
      let run = 1;
      while (slots[start + run] === slot + run && (slot + run) % rowPageSlots !== 0) run += 1;
      this.#model.operations.backend.primitives.copyBlock({
        input: source,
        inputOffset: start * slotSize,
        inputStride: 0,
        out: target.pages[Math.floor(slot / rowPageSlots)] as Tensor,
        outOffset: (slot % rowPageSlots) * slotSize,
        outStride: 0,
        outer: 1,
        length: run * slotSize,
      });
      start += run;
    }
  }
}
