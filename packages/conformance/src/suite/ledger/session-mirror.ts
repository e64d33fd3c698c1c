/**
 * What a population of sessions should hold, by purpose, kept beside the real one: ids, pages and rows by mode
 * (page-mirror.ts), and what the tables have seen (table-mirror.ts).
 */

import { type ContextDType, type ContextMode, inattentionLayers, type ModelConfig } from '@inattention/core/math';
import { ArrayMirror, PageCounter, PoolMirror } from './page-mirror.ts';
import { type TableMirror, TableMirrors } from './table-mirror.ts';

/** What all sessions of a model hold together. */
export class PopulationMirror {
  readonly config: ModelConfig;
  readonly pages = new PageCounter();
  /** Host bytes of ids, and of rows in mode `states`. */
  readonly host = new PageCounter();
  readonly tables: TableMirrors;
  /** Of the weights. */
  version = 0;

  constructor(config: ModelConfig) {
    this.config = config;
    this.tables = new TableMirrors(config);
  }

  /** The model gets new weights. */
  invalidate(): void {
    this.version += 1;
    this.tables.retire();
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
  #arrays: Arrays;
  /** `tables` only. */
  #table: TableMirror | null = null;
  /** Of the weights that it was computed from. */
  #version: number;

  constructor(population: PopulationMirror, mode: ContextMode, dtype: ContextDType, arrays?: Arrays) {
    this.#population = population;
    this.mode = mode;
    this.dtype = dtype;
    this.#arrays = arrays ?? emptyArrays(population, mode, dtype);
    this.#version = population.version;
    this.#takeTable();
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

  /** The table it reads, and that the ids it uses keep. */
  get table(): TableMirror | null {
    return this.#table;
  }

  /** Everything is computed again from the ids if the weights have changed since. */
  refresh(): void {
    if (this.#version === this.#population.version) return;
    const { ids } = this;
    this.dispose();
    this.ids = [];
    this.#version = this.#population.version;
    this.#arrays = emptyArrays(this.#population, this.mode, this.dtype);
    this.#takeTable();
    this.#replace(0, 0, ids);
    this.#table?.see(ids, ids.length);
  }

  append(ids: readonly number[]): void {
    if (ids.length > 0) this.edit(this.ids.length, 0, ids);
  }

  edit(start: number, count: number, ids: readonly number[]): void {
    this.refresh();
    if (count === 0 && ids.length === 0) return;
    this.#replace(start, count, ids);
    this.#table?.see(ids, this.ids.length);
  }

  /** `ids` come and go again, with their rows of tables; a page that was shared has been copied for them. */
  attempt(ids: readonly number[]): void {
    this.refresh();
    const start = this.ids.length;
    if (ids.length === 0) return;
    this.#replace(start, 0, ids);
    this.#replace(start, ids.length, []);
  }

  /** Self layers get keys and values of positions [0, end). */
  prefill(end = this.ids.length): void {
    this.refresh();
    const { self } = this.#arrays;
    if (self === null || self.length >= end) return;
    const start = self.length;
    self.resize(end);
    self.write(start, end);
  }

  /** Positions that self layers lack once it is computed from the present weights. */
  get unfilled(): number {
    const { self } = this.#arrays;
    if (self === null) return 0;
    return this.#version === this.#population.version ? this.ids.length - self.length : this.ids.length;
  }

  fork(): SessionMirror {
    this.refresh();
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
    if (this.#table !== null) this.#table.users -= 1;
  }

  #takeTable(): void {
    if (this.mode !== 'tables') return;
    this.#table = this.#population.tables.of(this.dtype);
    this.#table.users += 1;
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
