/** Test support: what one session must hold after each change, to the page (DESIGN of context modes, without numbers). */

import type { ContextDType, ContextMode, ModelConfig } from '@inattention/core/math';
import { contextPageLength, inattentionLayers, pageCount } from '@inattention/core/math';
import { ArrayMirror, PoolMirror } from './page-mirror.ts';

/** Bytes of a page of one number per position. */
const numbersBytes = contextPageLength * 4;

export class SessionMirror {
  readonly mode: ContextMode;
  readonly dtype: ContextDType;
  ids: number[] = [];
  readonly #config: ModelConfig;
  /** Ids or slots; in `kv` with keys and values beside them, which live and die with their pages. */
  #index: ArrayMirror;
  /** 1/rms, in `tables` only. */
  #scale: ArrayMirror | null;
  /** Keys and values of all self layers. */
  #self: ArrayMirror;
  #pool: PoolMirror;
  /** The rows of the states, in `states` only. */
  #rows: number[] = [];

  constructor(config: ModelConfig, mode: ContextMode, dtype: ContextDType) {
    this.#config = config;
    this.mode = mode;
    this.dtype = dtype;
    const width = dtype === 'f32' ? 4 : 2;
    const layers = inattentionLayers(config).length;
    const layerBytes = 2 * config.numKeyValueHeads * config.headDim * width * contextPageLength;
    this.#index = new ArrayMirror(numbersBytes + (mode === 'kv' ? layers * layerBytes : 0));
    this.#scale = mode === 'tables' ? new ArrayMirror(numbersBytes) : null;
    this.#self = new ArrayMirror((config.numHiddenLayers - layers) * layerBytes);
    this.#pool = new PoolMirror(contextPageLength * config.hiddenSize * width);
  }

  /** Bytes of a context by what they are part of; parts shared by sessions are the same objects. */
  get parts(): ReadonlyMap<object, number> {
    const parts = new Map<object, number>([[this.#pool, this.#pool.byteLength]]);
    for (const array of this.#arrays()) for (const page of array.pages) parts.set(page, array.pageBytes);
    return parts;
  }

  get contextBytes(): number {
    return this.#arrays().reduce((bytes, array) => bytes + array.byteLength, this.#pool.byteLength);
  }

  get hostBytes(): number {
    return (this.mode === 'states' ? 2 : 1) * pageCount(this.ids.length, contextPageLength) * numbersBytes;
  }

  /** Positions that have keys and values in self layers. */
  get selfLength(): number {
    return this.#self.pageBytes === 0 ? this.ids.length : this.#self.length;
  }

  replace(start: number, count: number, inserted: readonly number[]): void {
    const length = this.ids.length;
    if (count === 0 && inserted.length === 0) return;
    const inPlace = start + count === length && (count === 0 || inserted.length === 0);
    const old = inPlace ? null : this.fork(); // a change elsewhere is made on a fork, which takes the place
    if (old !== null) this.#exchange(old);
    this.ids = [...this.ids.slice(0, start), ...inserted, ...this.ids.slice(start + count)];
    this.#apply(start, count, inserted.length);
    this.#self.truncate(start);
    old?.dispose();
  }

  /** Self layers filled up to `length`. */
  fill(length = this.ids.length): void {
    const before = this.selfLength;
    if (before >= length) return;
    this.#self.grow(length);
    this.#self.write(before, length - before);
  }

  /** Everything computed again from the ids. */
  refresh(): void {
    const { ids } = this;
    const fresh = new SessionMirror(this.#config, this.mode, this.dtype);
    fresh.replace(0, 0, ids);
    this.#exchange(fresh);
    fresh.dispose();
    this.ids = ids;
  }

  fork(): SessionMirror {
    const copy = new SessionMirror(this.#config, this.mode, this.dtype);
    copy.ids = this.ids;
    copy.#index = this.#index.fork();
    copy.#scale = this.#scale?.fork() ?? null;
    copy.#self = this.#self.fork();
    copy.#pool = this.#pool;
    copy.#rows = [...this.#rows];
    copy.#pool.use(copy.#rows);
    return copy;
  }

  dispose(): void {
    for (const array of this.#arrays()) array.truncate(0);
    this.#pool.release(this.#rows);
    this.#rows = [];
    this.ids = [];
  }

  #apply(start: number, removed: number, inserted: number): void {
    const { length } = this.ids;
    const { initialStateWindow: window, positionEmbeddingType } = this.#config;
    const shifted = positionEmbeddingType === 'learned' && removed !== inserted;
    const end = shifted ? length : Math.min(length, start + inserted + window - 1); // states from `start` to here change
    switch (this.mode) {
      case 'kv':
        this.#index.truncate(start);
        this.#index.grow(length);
        this.#index.write(start, length - start);
        return;
      case 'states': {
        const replaced = removed + end - start - inserted;
        const rows = this.#pool.acquire(end - start);
        this.#index.splice(start, replaced, rows.length);
        this.#index.write(start, rows.length);
        const gone = this.#rows.slice(start, start + replaced);
        this.#rows = [...this.#rows.slice(0, start), ...rows, ...this.#rows.slice(start + replaced)];
        this.#pool.release(gone);
        return;
      }
      default:
        this.#index.splice(start, removed, inserted);
        this.#index.write(start, inserted);
        this.#scale?.splice(start, removed, inserted);
        this.#scale?.write(start, end - start);
    }
  }

  #arrays(): readonly ArrayMirror[] {
    return [this.#index, this.#self, ...(this.#scale === null ? [] : [this.#scale])];
  }

  #exchange(other: SessionMirror): void {
    [this.#index, other.#index] = [other.#index, this.#index];
    [this.#scale, other.#scale] = [other.#scale, this.#scale];
    [this.#self, other.#self] = [other.#self, this.#self];
    [this.#pool, other.#pool] = [other.#pool, this.#pool];
    [this.#rows, other.#rows] = [other.#rows, this.#rows];
  }
}
