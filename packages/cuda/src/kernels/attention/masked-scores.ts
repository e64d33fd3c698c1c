/**
 * Scores of a tile of queries against a block of keys: products, less ALiBi's penalty, far below everything where a query
 * does not see an entry. What depends on distances alone is the same in every layer and kept.
 */

import type { TensorView } from '@inattention/core';
import type { Handle } from '../../execution/handle.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { EntryBlock } from './entries.ts';
import type { Heads, QueryTile } from './query-tiles.ts';

/** Added where a query does not see an entry: exp of it is 0, and it is far from overflow. */
const unseen = -1e30;

/** Bytes of masks and distances that are kept. */
const maxKeptBytes = 2 ** 20;

/** Tables by (query, entry) of distances. */
export class DistanceTables {
  readonly #kept = new Map<string, Handle>();
  #bytes = 0;

  /** A number per query and entry, [T, n] (or [n] for one query); kept where it is small. */
  get(
    context: KernelContext,
    kind: 'mask' | 'distance',
    { positions }: QueryTile,
    { firstPosition, count, valid }: { readonly firstPosition: number; readonly count: number; readonly valid: number },
  ): Handle {
    const offsets = positions.map((position) => position - firstPosition);
    const consecutive = offsets.every((offset, i) => offset === (offsets[0] as number) + i);
    const key = `${kind} ${consecutive ? `${offsets[0]}+${offsets.length}` : offsets.join()} ${valid}/${count}`;
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const data = new Float32Array(offsets.length * count);
    offsets.forEach((offset, row) => {
      const end = Math.min(valid, offset + 1);
      if (kind === 'mask') data.fill(unseen, row * count + Math.max(0, end), (row + 1) * count);
      else for (let i = 0; i < end; i += 1) data[row * count + i] = offset - i;
    });
    const made = context.runtime.upload(data, offsets.length === 1 ? [count] : [offsets.length, count]);
    if (made.bytes > maxKeptBytes / 4) return made;
    while (this.#bytes + made.bytes > maxKeptBytes || this.#kept.size >= maxKept) this.#dropOldest(context);
    this.#kept.set(key, context.runtime.keep(made));
    this.#bytes += made.bytes;
    context.memory.addCached(made.bytes);
    return made;
  }

  #dropOldest(context: KernelContext): void {
    const [[key, handle] = []] = this.#kept;
    if (key === undefined || handle === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= handle.bytes;
    context.runtime.delete(handle);
    context.memory.addCached(-handle.bytes);
  }

  /** Gives everything back. */
  trim(context: KernelContext): void {
    while (this.#kept.size > 0) this.#dropOldest(context);
  }
}

const maxKept = 32;

export interface ScoreOptions {
  readonly heads: Heads;
  readonly tile: QueryTile;
  readonly block: Pick<EntryBlock, 'start' | 'count' | 'valid'>;
  /** Position of entry 0. */
  readonly firstPosition: number;
  readonly slopes: TensorView | null;
}

/** Scores [G, R · T, n] of scaled queries [G, R · T, C] against keys [G, n, C]. */
export function maskedScores(
  context: KernelContext,
  tables: DistanceTables,
  queries: Handle,
  keys: Handle,
  { heads, tile, block, firstPosition, slopes }: ScoreOptions,
): Handle {
  const { operations } = context;
  const place = { firstPosition: firstPosition + block.start, count: block.count, valid: block.valid };
  let scores = operations.batchMatmul(queries, keys, false, true);
  const single = tile.count === 1;
  const byHead = single ? [heads.groups, heads.perGroup, place.count] : [heads.queries, tile.count, place.count];
  if (slopes !== null) {
    const perHead = context.words(slopes, single ? [heads.groups, heads.perGroup, 1] : [heads.queries, 1, 1]);
    const penalty = operations.binary('Mul', perHead, tables.get(context, 'distance', tile, place));
    scores = operations.binary('Sub', operations.reshape(scores, byHead), penalty);
  }
  const first = tile.positions.reduce((least, position) => Math.min(least, position), Number.POSITIVE_INFINITY);
  const allSeen = place.valid === place.count && first >= place.firstPosition + place.count - 1;
  if (!allSeen) {
    scores = operations.binary('AddV2', operations.reshape(scores, byHead), tables.get(context, 'mask', tile, place));
  }
  return operations.reshape(scores, [heads.groups, heads.perGroup * tile.count, place.count]);
}
