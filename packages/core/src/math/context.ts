/**
 * A context: token ids, and what its mode keeps of them for every layer. It is what a session holds; it can be
 * appended to, edited anywhere and forked. Keys and values of self layers are written by the decoder (`writeSelf`),
 * since they come from hidden states; an edit drops them from the edit on.
 */

import type { ContextView } from '../backend/context-view.ts';
import { DisposedError, InvalidArgumentError, TokenOutOfRangeError, UnsupportedError } from '../errors/errors.ts';
import type { IndexTensor } from '../operations/index-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { attendView, weightsOverView } from './context-blocks.ts';
import type { ContextDType, ContextMode } from './context-mode.ts';
import type { ContextModel } from './context-model.ts';
import type { ContextStore } from './context-store.ts';
import { IdsStore } from './ids-store.ts';
import { IntegerList } from './integer-list.ts';
import { KeyValueCache } from './key-value-cache.ts';
import { KvStore } from './kv-store.ts';
import { maxRopePositions } from './rope-angles.ts';
import { StatePool } from './state-pool.ts';
import { StatesStore } from './states-store.ts';
import { TableStore } from './table-store.ts';

export interface ContextOptions {
  readonly mode: ContextMode;
  /** Default f32. */
  readonly dtype?: ContextDType;
}

/** The parts of a context that an edit replaces together. */
interface Parts {
  readonly ids: IntegerList;
  readonly store: ContextStore;
  /** By layer; only self layers beyond layer 0. */
  readonly selfCaches: ReadonlyMap<number, KeyValueCache>;
}

/** A change that is ready: exactly one of the two is to be called. */
export interface PreparedEdit {
  commit(): void;
  rollback(): void;
}

export class Context {
  readonly model: ContextModel;
  readonly mode: ContextMode;
  readonly dtype: ContextDType;
  #parts: Parts;
  #version: number;
  #disposed = false;

  constructor(model: ContextModel, options: ContextOptions, parts?: Parts) {
    this.model = model;
    this.mode = options.mode;
    this.dtype = options.dtype ?? 'f32';
    model.checkContextDType(this.dtype);
    this.#parts = parts ?? this.#emptyParts();
    this.#version = model.version;
  }

  /** N. */
  get length(): number {
    return this.#parts.ids.length;
  }

  /** The ids, to be read only. Throws DisposedError: there are none any more, and work under way is to hear of it. */
  get ids(): IntegerList {
    this.#alive();
    return this.#parts.ids;
  }

  /** Device bytes of this context alone; rows of the table belong to the model. */
  get byteLength(): number {
    return [...this.#parts.selfCaches.values()].reduce(
      (bytes, cache) => bytes + cache.byteLength,
      this.#parts.store.byteLength,
    );
  }

  /** Host bytes of this context: its ids and, in `states`, the rows that hold their states. */
  get hostByteLength(): number {
    return this.#parts.ids.byteLength + this.#parts.store.hostByteLength;
  }

  /** Positions whose keys and values are present in every self layer; N when there is none. */
  get selfLength(): number {
    return [...this.#parts.selfCaches.values()].reduce((length, cache) => Math.min(length, cache.length), this.length);
  }

  /** Adds ids at the end. Throws with nothing changed. */
  append(ids: Int32Array): void {
    this.replace(this.length, 0, ids);
  }

  /** Replaces ids [start, start + deleteCount) by `inserted`. Throws with nothing changed. */
  replace(start: number, deleteCount: number, inserted: Int32Array): void {
    this.prepare(start, deleteCount, inserted).commit();
  }

  /**
   * The same in two steps, for callers that want to hear of late failures of the device before the change counts. An
   * edit in the middle takes effect with `commit`; one at the end has taken effect already and `rollback` undoes it.
   * Throws with nothing changed; so does `commit` if the context has been disposed of since.
   */
  prepare(start: number, deleteCount: number, inserted: Int32Array): PreparedEdit {
    this.#alive();
    this.#checkRange(start, deleteCount);
    checkTokens(inserted, this.model.config.vocabSize);
    this.#checkLength(this.length - deleteCount + inserted.length);
    this.refresh();
    const nothing = { commit: () => this.#alive(), rollback: () => undefined };
    if (deleteCount === 0 && inserted.length === 0) return nothing;
    if (deleteCount === 0 && start === this.length) {
      this.#append(inserted);
      return { ...nothing, rollback: () => this.#truncate(start) };
    }
    if (inserted.length === 0 && start + deleteCount === this.length) {
      return {
        ...nothing,
        commit: () => {
          this.#alive();
          this.#truncate(start);
        },
      };
    }
    return this.#edit(start, deleteCount, inserted);
  }

  /** Recomputes everything from the ids if the model's weights have changed since; says whether they had. */
  refresh(): boolean {
    this.#alive();
    if (this.#version === this.model.version) return false;
    const parts = this.#emptyParts();
    try {
      const ids = this.#parts.ids.slice();
      parts.ids.splice(0, 0, ids);
      parts.store.apply({ ids: parts.ids, start: 0, removed: new Int32Array(0), inserted: ids.length });
    } catch (error) {
      parts.ids.splice(0, parts.ids.length, new Int32Array(0)); // the store has not taken them
      disposeParts(parts);
      throw error;
    }
    disposeParts(this.#parts);
    this.#parts = parts;
    this.#version = this.model.version;
    return true;
  }

  /** Attention of queries [T, H, C] (rotated) at `positions` in one layer: [T, H, C]. */
  attend(layer: number, queries: Tensor, positions: IndexTensor): Tensor {
    this.#alive();
    const cache = this.#parts.selfCaches.get(layer);
    return cache === undefined
      ? this.#parts.store.attend(layer, queries, positions)
      : attendView(this.model, queries, positions, cache.view());
  }

  /** All of a layer as one view, for attention of several contexts together; null where `attend` does more. */
  view(layer: number): ContextView | null {
    this.#alive();
    return this.#parts.selfCaches.get(layer)?.view() ?? this.#parts.store.view(layer);
  }

  /** Attention weights of one query [1, H, C] in one layer: [H, N]. */
  weights(layer: number, queries: Tensor, position: IndexTensor): Tensor {
    this.#alive();
    const cache = this.#parts.selfCaches.get(layer);
    return cache === undefined
      ? this.#parts.store.weights(layer, queries, position)
      : weightsOverView(this.model, queries, position, cache.view());
  }

  /** Takes memory in every self layer for positions [0, length). Throws with nothing changed. */
  growSelf(length: number): void {
    this.#alive();
    const before = this.selfLength;
    try {
      for (const cache of this.#parts.selfCaches.values()) cache.grow(length);
    } catch (error) {
      this.truncateSelf(before);
      throw error;
    }
  }

  /** Drops keys and values of self layers from `length` on. */
  truncateSelf(length: number): void {
    for (const cache of this.#parts.selfCaches.values()) cache.truncate(length);
  }

  /** Writes keys (rotated) and values [n, G, C] of a self layer at positions from `start` on. */
  writeSelf(layer: number, start: number, keys: Tensor, values: Tensor): void {
    this.#parts.selfCaches.get(layer)?.write(start, keys, values);
  }

  /** A context with the same ids that shares full pages, table rows and states; survives this one. */
  fork(): Context {
    this.refresh();
    const ids = this.#parts.ids.fork();
    try {
      return new Context(this.model, { mode: this.mode, dtype: this.dtype }, this.#forkParts(ids));
    } catch (error) {
      ids.dispose();
      throw error;
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    disposeParts(this.#parts);
  }

  #emptyParts(): Parts {
    const { model, mode, dtype } = this;
    const ids = new IntegerList(model.operations.backend.ledger);
    const selfLayers = model.config.attentionTypes.flatMap((_, layer) =>
      model.inattentionLayers.includes(layer) ? [] : [layer],
    );
    const selfCaches = new Map(
      selfLayers.map((layer) => [layer, new KeyValueCache(model.operations, model.config, dtype)]),
    );
    return { ids, store: createStore(model, mode, dtype, ids), selfCaches };
  }

  /** The same contents over `ids`, sharing what can be shared. */
  #forkParts(ids: IntegerList): Parts {
    const selfCaches = new Map<number, KeyValueCache>();
    try {
      for (const [layer, cache] of this.#parts.selfCaches) selfCaches.set(layer, cache.fork());
      return { ids, store: this.#parts.store.fork(ids), selfCaches };
    } catch (error) {
      for (const cache of selfCaches.values()) cache.dispose();
      throw error;
    }
  }

  #append(inserted: Int32Array): void {
    const { ids, store } = this.#parts;
    const start = ids.length;
    ids.splice(start, 0, inserted);
    try {
      store.apply({ ids, start, removed: new Int32Array(0), inserted: inserted.length });
    } catch (error) {
      ids.splice(start, inserted.length, new Int32Array(0));
      throw error;
    }
  }

  /** Drops the ids from `length` on, in place: it takes no memory and cannot fail. Nothing is left to drop once disposed. */
  #truncate(length: number): void {
    if (this.#disposed) return;
    const { ids, store, selfCaches } = this.#parts;
    const removed = ids.slice(length);
    ids.splice(length, removed.length, new Int32Array(0));
    store.apply({ ids, start: length, removed, inserted: 0 });
    for (const cache of selfCaches.values()) cache.truncate(length);
  }

  /** Edits a fork, which then takes this one's place: what fails leaves the context as it was. */
  #edit(start: number, deleteCount: number, inserted: Int32Array): PreparedEdit {
    const before = this.#parts;
    const removed = before.ids.slice(start, start + deleteCount);
    const parts = this.#forkParts(before.ids);
    const ids = before.ids.fork();
    try {
      ids.splice(start, deleteCount, inserted);
      parts.store.apply({ ids, start, removed, inserted: inserted.length });
      for (const cache of parts.selfCaches.values()) cache.truncate(start);
    } catch (error) {
      disposeParts({ ...parts, ids });
      throw error;
    }
    const rollback = () => disposeParts({ ...parts, ids });
    return {
      commit: () => {
        if (this.#disposed) rollback();
        this.#alive();
        this.#parts = { ...parts, ids };
        disposeParts(before);
      },
      rollback,
    };
  }

  #alive(): void {
    if (this.#disposed) throw new DisposedError({ what: 'The context was used after it was disposed of.' });
  }

  #checkRange(start: number, deleteCount: number): void {
    const valid =
      Number.isInteger(start) &&
      Number.isInteger(deleteCount) &&
      start >= 0 &&
      deleteCount >= 0 &&
      start + deleteCount <= this.length;
    if (!valid) {
      throw new InvalidArgumentError({
        what: 'An edit is out of range.',
        got: `start ${start}, ${deleteCount} ids to remove`,
        expected: `whole numbers within the context's ${this.length} ids`,
      });
    }
  }

  #checkLength(length: number): void {
    const { positionEmbeddingType, maxPositionEmbeddings } = this.model.config;
    const limit =
      positionEmbeddingType === 'learned'
        ? maxPositionEmbeddings
        : positionEmbeddingType === 'rope'
          ? maxRopePositions
          : Number.POSITIVE_INFINITY;
    if (length > limit) {
      throw new UnsupportedError({
        what: `The context would exceed what ${positionEmbeddingType} positions of this model can address.`,
        got: `${length} ids`,
        expected: `at most ${limit}`,
        fix: 'shorten the context',
      });
    }
  }
}

function createStore(model: ContextModel, mode: ContextMode, dtype: ContextDType, ids: IntegerList): ContextStore {
  switch (mode) {
    case 'kv':
      return new KvStore(model, dtype);
    case 'tables':
      return new TableStore(model, model.table(dtype), ids);
    case 'states':
      return new StatesStore(model, new StatePool(model, dtype));
    case 'ids':
      return new IdsStore(model, ids);
  }
}

function disposeParts({ ids, store, selfCaches }: Parts): void {
  store.dispose();
  for (const cache of selfCaches.values()) cache.dispose();
  ids.dispose();
}

/** Throws TokenOutOfRangeError unless every id is a whole number in [0, vocabSize). */
export function checkTokens(ids: Int32Array, vocabSize: number): void {
  const index = ids.findIndex((id) => id < 0 || id >= vocabSize);
  if (index !== -1) {
    throw new TokenOutOfRangeError({
      what: `Token ${index} is not in the vocabulary.`,
      got: String(ids[index]),
      expected: `a whole number from 0 to ${vocabSize - 1}`,
      fix: "use the model's own tokenizer",
    });
  }
}
