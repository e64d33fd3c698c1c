/**
 * Context mode `tables`: a slot and one f32 1/rms per position; keys and values are rows of the model's table. Edits
 * touch the edited ids and the w−1 positions after the seam; later slots and scales move, 8 bytes a position. Where
 * biases or norms of keys stand between, rows are finished and there is no 1/rms, or pages of sums are finished while
 * attending (`rowKind`).
 */

import type { ContextView } from '../backend/context-view.ts';
import type { IndexTensor } from '../operations/index-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  addValueBias,
  attendBlocks,
  attendView,
  blockInitialStates,
  eachBlock,
  weightsOverBlocks,
  weightsOverView,
} from './context-blocks.ts';
import type { ContextModel } from './context-model.ts';
import { rowKind } from './context-source.ts';
import { alteredRange, type ContextChange, type ContextStore, isAppend } from './context-store.ts';
import type { ContextTable, TableUser } from './context-table.ts';
import { finishedBlocks } from './finished-blocks.ts';
import { forkAll } from './fork-all.ts';
import type { IntegerList } from './integer-list.ts';
import { indexArray } from './kv-store.ts';
import { contextPageLength } from './page-sizes.ts';
import { PagedArray } from './paged-array.ts';

/** Positions whose ids are uploaded together. */
const runLength = 4096;

/** Numbers of the states computed at a time: they stay in a processor's cache. */
const stateNumbers = 1 << 17;

export class TableStore implements ContextStore, TableUser {
  readonly mode = 'tables';
  readonly hostByteLength = 0;
  readonly #model: ContextModel;
  readonly #table: ContextTable;
  /** The ids this store counts as used in the table. */
  #ids: IntegerList;
  readonly #index: PagedArray;
  /** 1/rms of each position; empty where rows are finished. */
  readonly #scale: PagedArray;
  readonly #kind: 'sums' | 'finished' | 'parts';

  constructor(
    model: ContextModel,
    table: ContextTable,
    ids: IntegerList,
    index = indexArray(model),
    scale = scaleArray(model),
  ) {
    this.#model = model;
    this.#kind = rowKind(model.config);
    this.#ids = ids;
    this.#table = table;
    this.#index = index;
    this.#scale = scale;
    this.#table.join(this);
    this.#table.reuse(ids.slice());
  }

  get length(): number {
    return this.#index.length;
  }

  get byteLength(): number {
    return this.#index.byteLength + this.#scale.byteLength;
  }

  apply(change: ContextChange): void {
    const { ids, start, removed, inserted } = change;
    const lengthBefore = ids.length - inserted + removed.length;
    const added = ids.slice(start, start + inserted);
    const { slotCount, positionCount } = this.#table;
    const slots = this.#table.acquire(added, ids.length);
    try {
      this.#model.work.movedBytes += this.#index.splice(start, removed.length, inserted);
      this.#index.writeHost(start, slots);
      if (this.#kind !== 'finished') this.#rescale(change);
    } catch (error) {
      this.#table.release(added);
      this.#table.shrink(slotCount);
      this.#table.shrinkPositions(positionCount);
      if (isAppend(change)) {
        this.#index.truncate(lengthBefore);
        if (this.#kind !== 'finished') this.#scale.truncate(lengthBefore);
      }
      throw error;
    }
    this.#table.release(removed);
    this.#ids = ids;
  }

  attend(layer: number, queries: Tensor, positions: IndexTensor): Tensor {
    const model = this.#model;
    const view = this.#view(layer);
    switch (this.#kind) {
      case 'parts':
        return attendBlocks(model, queries, positions, view.length, finishedBlocks(model, layer, view));
      case 'finished':
        return attendView(model, queries, positions, view);
      case 'sums':
        return model.operations.scope(() => addValueBias(model, layer, attendView(model, queries, positions, view)));
    }
  }

  view(layer: number): ContextView | null {
    const finishes = this.#kind === 'parts' || (this.#kind === 'sums' && hasValueBias(this.#model, layer));
    return finishes ? null : this.#view(layer);
  }

  weights(layer: number, queries: Tensor, position: IndexTensor): Tensor {
    const view = this.#view(layer);
    return this.#kind === 'parts'
      ? weightsOverBlocks(this.#model, queries, position, view.length, finishedBlocks(this.#model, layer, view))
      : weightsOverView(this.#model, queries, position, view);
  }

  fork(ids: IntegerList): TableStore {
    const [index, scale] = forkAll([this.#index, this.#scale]);
    return new TableStore(this.#model, this.#table, ids, index, scale);
  }

  dispose(): void {
    this.#table.release(this.#ids.slice());
    this.#index.dispose();
    this.#scale.dispose();
    this.#table.leave(this);
  }

  /** Moves 1/rms with the positions, and computes it anew where the change altered it. */
  #rescale(change: ContextChange): void {
    const { operations, config, weights, work } = this.#model;
    work.movedBytes += this.#scale.splice(change.start, change.removed.length, change.inserted);
    const { from, to } = alteredRange(change, config.initialStateWindow, weights.positions !== null);
    if (weights.positions === null) {
      this.#rescaleByTerms(change.ids, from, to);
      return;
    }
    eachBlock(from, to, (start, count) => {
      operations.scope(() => {
        const states = blockInitialStates(this.#model, change.ids, start, count);
        this.#scale.write(start, operations.inverseRms(states, config.rmsNormEps));
      });
    });
  }

  /** 1/rms of positions [from, to) from what the table keeps of their ids: sums of rows, a few positions at a time. */
  #rescaleByTerms(ids: IntegerList, from: number, to: number): void {
    const { operations, config, work } = this.#model;
    const ahead = config.initialStateWindow - 1;
    const step = Math.max(1, Math.floor(stateNumbers / config.hiddenSize));
    for (let run = from; run < to; run += runLength) {
      const count = Math.min(runLength, to - run);
      const tokens = new Int32Array(ahead + count).fill(-1);
      for (let place = Math.max(0, ahead - run); place < tokens.length; place += 1) {
        tokens[place] = ids.at(run - ahead + place);
      }
      operations.scope(() => {
        const tokenIndex = operations.upload(tokens, [tokens.length], 'scratch');
        const slotIndex = operations.upload(this.#table.slotsOf(tokens), [tokens.length], 'scratch');
        for (let done = 0; done < count; done += step) {
          operations.scope(() => {
            const states = this.#table.initialStates(tokenIndex, slotIndex, done, Math.min(step, count - done));
            this.#scale.write(run + done, operations.inverseRms(states, config.rmsNormEps));
          });
        }
      });
      work.initialStates += count;
    }
  }

  #view(layer: number): ContextView {
    const { config, angles } = this.#model;
    return {
      length: this.#index.length,
      firstPosition: 0,
      kvHeads: config.numKeyValueHeads,
      headDim: config.headDim,
      window: config.initialStateWindow,
      rows: this.#table.rows(layer),
      pageLength: contextPageLength,
      index: this.#index.pages,
      scale: this.#kind === 'finished' ? null : this.#scale.pages,
      positionRows: this.#table.positionRows(layer),
      rope: angles,
    };
  }
}

function hasValueBias({ weights }: ContextModel, layer: number): boolean {
  return (weights.layers[layer]?.valueBias ?? null) !== null;
}

function scaleArray(model: ContextModel): PagedArray {
  return new PagedArray(model.operations, {
    dtype: 'f32',
    rowShape: [],
    pageLength: contextPageLength,
    purpose: 'context',
  });
}
