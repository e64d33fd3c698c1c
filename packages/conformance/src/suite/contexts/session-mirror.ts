/**
 * What a population of sessions should hold, by purpose, kept beside the real one: ids, pages and rows by mode (page-mirror.ts),
 * and what the tables have seen.
 */

import {
  type ContextDType,
  type ContextMode,
  inattentionLayers,
  type ModelConfig,
  tableBytes,
} from '@inattention/core/math';
import { ArrayMirror, PageCounter, PoolMirror } from './page-mirror.ts';

/** Positions prefilled at a time. */
const prefillChunk = 256;

/** What all sessions of a model hold together. */
export class PopulationMirror {
  readonly config: ModelConfig;
  readonly pages = new PageCounter();
  /** Host bytes of ids, and of rows in mode `states`. */
  readonly host = new PageCounter();
  readonly #seen = new Map<ContextDType, { readonly ids: Set<number>; positions: number }>();

  constructor(config: ModelConfig) {
    this.config = config;
  }

  /** Device bytes of tables that never give anything up. */
  get tableBytes(): number {
    let bytes = 0;
    for (const [dtype, { ids, positions }] of this.#seen) bytes += tableBytes(this.config, ids.size, positions, dtype);
    return bytes;
  }

  /** A table has rows for `ids`, and for `positions` positions. */
  see(dtype: ContextDType, ids: readonly number[], positions: number): void {
    const seen = this.#seen.get(dtype) ?? { ids: new Set<number>(), positions: 0 };
    for (const id of ids) seen.ids.add(id);
    seen.positions = Math.max(seen.positions, positions);
    this.#seen.set(dtype, seen);
  }
}

/** States of a context: the pool, and the row of each position. */
interface States {
  readonly pool: PoolMirror;
  rows: number[];
  readonly hostRows: ArrayMirror;
}

interface Arrays {
  readonly hostIds: ArrayMirror;
  /** One number per position. */
  readonly index: ArrayMirror;
  /** `tables`: 1/rms. */
  readonly scale: ArrayMirror | null;
  /** `kv`: keys and values of inattention layers. */
  readonly cache: ArrayMirror | null;
  /** Keys and values of self layers, as far as they are prefilled. */
  readonly self: ArrayMirror | null;
  readonly states: States | null;
}

export class SessionMirror {
  readonly mode: ContextMode;
  readonly dtype: ContextDType;
  ids: number[] = [];
  readonly #population: PopulationMirror;
  readonly #arrays: Arrays;

  constructor(population: PopulationMirror, mode: ContextMode, dtype: ContextDType, arrays?: Arrays) {
    this.#population = population;
    this.mode = mode;
    this.dtype = dtype;
    this.#arrays = arrays ?? emptyArrays(population, mode, dtype);
  }

  /** Device bytes, those that forks share included. */
  get bytes(): number {
    const { index, scale, cache, self, states } = this.#arrays;
    return [index, scale, cache, self, states?.pool].reduce((bytes, part) => bytes + (part?.bytes ?? 0), 0);
  }

  /** Host bytes of the ids, and of the rows of states. */
  get hostBytes(): number {
    return this.#arrays.hostIds.bytes + (this.#arrays.states?.hostRows.bytes ?? 0);
  }

  append(ids: readonly number[]): void {
    const start = this.ids.length;
    if (ids.length > 0) this.#replace(start, 0, ids);
  }

  edit(start: number, count: number, ids: readonly number[]): void {
    if (count > 0 || ids.length > 0) this.#replace(start, count, ids);
  }

  /** Self layers get keys and values of all positions, or of one more chunk. */
  prefill(chunks = Number.POSITIVE_INFINITY): void {
    const { self } = this.#arrays;
    if (self === null || self.length >= this.ids.length) return;
    const start = self.length;
    const end = Math.min(this.ids.length, start + chunks * prefillChunk);
    self.resize(end);
    self.write(start, end);
  }

  /** Positions that self layers lack. */
  get unfilled(): number {
    return this.#arrays.self === null ? 0 : this.ids.length - this.#arrays.self.length;
  }

  fork(): SessionMirror {
    const { hostIds, index, scale, cache, self, states } = this.#arrays;
    states?.pool.use(states.rows, 1);
    const fork = new SessionMirror(this.#population, this.mode, this.dtype, {
      hostIds: hostIds.copy(),
      index: index.fork(),
      scale: scale?.fork() ?? null,
      cache: cache?.fork() ?? null,
      self: self?.fork() ?? null,
      states: states && { pool: states.pool, rows: [...states.rows], hostRows: states.hostRows.copy() },
    });
    fork.ids = [...this.ids];
    return fork;
  }

  dispose(): void {
    const { hostIds, index, scale, cache, self, states } = this.#arrays;
    states?.pool.use(states.rows, -1);
    for (const array of [hostIds, index, scale, cache, self, states?.hostRows]) array?.resize(0);
  }

  #replace(start: number, count: number, ids: readonly number[]): void {
    const { initialStateWindow, positionEmbeddingType } = this.#population.config;
    const shifts = count !== ids.length;
    const { hostIds, index, scale, cache, self, states } = this.#arrays;
    const atEnd = start + count === this.ids.length && (count === 0 || ids.length === 0);
    // Other edits are made on a fork, which then takes the context's place.
    if (!atEnd) for (const array of [index, scale, cache, self]) array?.ownTail();
    this.ids.splice(start, count, ...ids);
    const length = this.ids.length;
    const inserted = start + ids.length;
    // The inserted positions and the w−1 after them; learned positions change with the place.
    const altered =
      positionEmbeddingType === 'learned' && shifts ? length : Math.min(length, inserted + initialStateWindow - 1);
    hostIds.resize(length);
    if (this.mode === 'kv') index.resize(start);
    else index.splice(start, count, ids.length);
    index.resize(length);
    index.write(start, this.mode === 'kv' ? length : this.mode === 'states' ? altered : inserted);
    scale?.splice(start, count, ids.length);
    scale?.write(start, altered);
    cache?.resize(start);
    cache?.resize(length);
    cache?.write(start, length);
    if (self !== null) self.resize(Math.min(start, self.length));
    if (states !== null) replaceStates(states, start, count, altered - start, ids.length);
    if (this.mode === 'tables') this.#population.see(this.dtype, ids, length);
  }
}

/** Positions [start, start + renewed) get new rows before the old ones are given back. */
function replaceStates(states: States, start: number, count: number, renewed: number, inserted: number): void {
  const taken = states.pool.take(renewed);
  const replaced = states.rows.splice(start, count + renewed - inserted, ...taken);
  states.pool.use(replaced, -1);
  states.hostRows.resize(states.rows.length);
}

function emptyArrays({ config, pages, host }: PopulationMirror, mode: ContextMode, dtype: ContextDType): Arrays {
  const number = dtype === 'f16' ? 2 : 4;
  const layers = inattentionLayers(config).length;
  const layerRow = 2 * config.numKeyValueHeads * config.headDim * number;
  const selfLayers = config.numHiddenLayers - layers;
  return {
    hostIds: new ArrayMirror(host, 4),
    index: new ArrayMirror(pages, 4),
    scale: mode === 'tables' ? new ArrayMirror(pages, 4) : null,
    cache: mode === 'kv' ? new ArrayMirror(pages, layers * layerRow) : null,
    self: selfLayers > 0 ? new ArrayMirror(pages, selfLayers * layerRow) : null,
    states:
      mode === 'states'
        ? { pool: new PoolMirror(pages, config.hiddenSize * number), rows: [], hostRows: new ArrayMirror(host, 4) }
        : null,
  };
}
