/**
 * 1/rms of many positions at once, for tables. The products M_j E[t] that states are sums of are computed once per
 * distinct id of a whole append, however many pieces it comes in, all offsets in one matrix product; the states
 * themselves exist for a few positions at a time. Not for learned positions, whose states are not sums by id.
 */

import type { IndexTensor } from '../operations/index-tensor.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { ContextModel } from './context-model.ts';
import type { IdSequence } from './initial-state.ts';

/** Numbers kept of products: 32 MiB. When the ids of an append need more, those met so far are given up. */
const keptNumbers = 1 << 23;

/** Numbers of the states computed at a time: they stay in a processor's cache. */
const stateNumbers = 1 << 17;

/** Ids whose products share a page. */
const idsPerPage = 256;

/** Positions looked at together. */
const runLength = 4096;

/** Takes 1/rms [n] of the positions from `start` on. */
export type WriteInverseRms = (start: number, inverseRms: Tensor) => void;

export class WindowTerms {
  readonly #model: ContextModel;
  readonly #offsets: number;
  readonly #capacity: number;
  readonly #idsPerPage: number;
  /** Where the products of an id are: id's number · (w−1) + j − 1 is the row of M_j E[id]. */
  readonly #numberOf = new Map<number, number>();
  /** [idsPerPage · (w−1), D] each. */
  readonly #pages: Tensor[] = [];
  /** The model's version the products are of. */
  #version: number;

  /** `ids`: how many ids the append has; fewer than a page has take less memory. `numbers`: kept at most. */
  constructor(model: ContextModel, ids: number, numbers = keptNumbers) {
    const { hiddenSize, initialStateWindow } = model.config;
    this.#model = model;
    this.#version = model.version;
    this.#offsets = initialStateWindow - 1;
    // Room for one position at least; without a window there are no products.
    const room = Math.max(initialStateWindow, Math.floor(numbers / Math.max(1, this.#offsets * hiddenSize)));
    this.#idsPerPage = Math.max(1, Math.min(idsPerPage, ids + this.#offsets, room));
    this.#capacity = room - (room % this.#idsPerPage);
  }

  /** Computes 1/rms of positions [from, to) of a text, piece by piece. */
  inverseRms(ids: IdSequence, from: number, to: number, write: WriteInverseRms): void {
    if (this.#version !== this.#model.version) this.#forget();
    this.#version = this.#model.version;
    for (let start = from; start < to; ) start += this.#run(ids, start, Math.min(runLength, to - start), write);
  }

  dispose(): void {
    this.#forget();
  }

  [Symbol.dispose](): void {
    this.#forget();
  }

  #forget(): void {
    for (const page of this.#pages.splice(0)) page.dispose();
    this.#numberOf.clear();
  }

  /** At most `count` positions from `start` on, as many as the products' memory allows; says how many. */
  #run(ids: IdSequence, start: number, most: number, write: WriteInverseRms): number {
    const { operations, config, work } = this.#model;
    const ahead = this.#offsets;
    const count = this.#multiply(ids, start, most);
    const tokens = new Int32Array(ahead + count).fill(-1);
    for (let place = Math.max(0, ahead - start); place < tokens.length; place += 1) {
      tokens[place] = ids.at(start - ahead + place);
    }
    const numbers = tokens.map((id) => (id < 0 ? -1 : (this.#numberOf.get(id) ?? -1)));
    const step = Math.max(1, Math.floor(stateNumbers / config.hiddenSize));
    operations.scope(() => {
      const tokenIndex = operations.index(tokens);
      operations.own(tokenIndex.tensor);
      const numberIndex = operations.upload(numbers, [numbers.length], 'scratch');
      for (let done = 0; done < count; done += step) {
        const rows = Math.min(step, count - done);
        operations.scope(() => {
          const states = this.#states(tokenIndex, numberIndex, done, rows);
          write(start + done, operations.inverseRms(states, config.rmsNormEps));
        });
      }
    });
    work.initialStates += count;
    return count;
  }

  /** x of `rows` positions from place `done` on, [rows, D]. */
  #states(tokens: IndexTensor, numbers: Tensor, done: number, rows: number): Tensor {
    const { operations, config, weights } = this.#model;
    const [{ hiddenSize: width }, ahead] = [config, this.#offsets];
    const states = operations.allocate([rows, width]);
    const shared = { width, out: states };
    operations.backend.primitives.gatherRows({
      ...shared,
      pages: [weights.embedding],
      rowsPerPage: config.vocabSize,
      ids: operations.slice(tokens.tensor, ahead + done, rows),
      stride: 1,
      offset: 0,
      accumulate: false,
    });
    for (let offset = 1; offset <= ahead; offset += 1) {
      operations.backend.primitives.gatherRows({
        ...shared,
        pages: this.#pages,
        rowsPerPage: this.#idsPerPage * ahead,
        ids: operations.slice(numbers, ahead + done - offset, rows),
        stride: ahead,
        offset: offset - 1,
        accumulate: true,
      });
    }
    return states;
  }

  /**
   * Makes sure of the products of positions [start, start + count) and the w−1 before; returns for how many positions there
   * was room.
   */
  #multiply(ids: IdSequence, start: number, count: number): number {
    if (this.#offsets === 0) return count;
    for (let positions = count; ; ) {
      const missing = this.#missing(ids, start, positions);
      if (this.#numberOf.size + missing.length <= this.#capacity) {
        this.#add(missing);
        return positions;
      }
      if (this.#numberOf.size > 0) this.#forget();
      else positions = Math.ceil(positions / 2);
    }
  }

  /** The distinct ids without products, in the order of their first occurrence. */
  #missing(ids: IdSequence, start: number, count: number): number[] {
    const missing = new Set<number>();
    for (let position = Math.max(0, start - this.#offsets); position < start + count; position += 1) {
      const id = ids.at(position);
      if (!this.#numberOf.has(id)) missing.add(id);
    }
    return [...missing];
  }

  /** Computes the products of ids. Throws with none of them kept. */
  #add(ids: readonly number[]): void {
    const { operations, config, weights, work } = this.#model;
    const { hiddenSize: width } = config;
    const before = this.#numberOf.size;
    const matrices = weights.initialState as Tensor; // [w−1, D, D]
    while (this.#pages.length * this.#idsPerPage < before + ids.length) {
      this.#pages.push(
        Tensor.allocate(operations.backend, [this.#idsPerPage * this.#offsets, width], 'f32', 'scratch'),
      );
    }
    operations.scope(() => {
      const stacked = operations.reshape(matrices, [this.#offsets * width, width]);
      for (let done = 0; done < ids.length; ) {
        const place = (before + done) % this.#idsPerPage;
        const block = ids.slice(done, done + this.#idsPerPage - place);
        const page = this.#pages[Math.floor((before + done) / this.#idsPerPage)] as Tensor;
        operations.scope(() => {
          using index = operations.index(block);
          const products = operations.reshape(
            operations.slice(page, place * this.#offsets, block.length * this.#offsets),
            [block.length, this.#offsets * width],
          );
          operations.linearInto(products, operations.embed(weights.embedding, index), stacked);
        });
        done += block.length;
      }
    });
    for (const id of ids) this.#numberOf.set(id, this.#numberOf.size);
    work.windowProducts += ids.length * this.#offsets;
  }
}
