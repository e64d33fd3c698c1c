/**
 * Our attention of one query over contexts of one layer of GPT-2's shape, in the modes that keep keys and values: a KV
 * cache, and tables with what they cost beyond it (rotation, windows, distance penalties).
 */

import type { Backend } from '@inattention/core';
import type { Contestant, KernelBench } from './contestant.ts';
import { type ContextSizes, type MadeContext, makeKv, makeTable } from './context-views.ts';
import { sumContestant } from './limits.ts';
import { ownAttention } from './own-kernels.ts';
import type { Probe } from './probe.ts';
import { referenceAttention, sampleNumbers } from './reference.ts';

/** Name of the contestant that tables are set against. */
export const kvName = 'kv';

/** Entries of queries: scores over √C spread by about 2, a softmax with a peak. */
const querySpread = 3.5;

/**
 * Attention at the last of `ids` over all of them. The limit reads as many bytes as `kv` has to, 8·H·C for each; the probe
 * must have been made with as many. Throws UnsupportedError for a backend without an attention kernel.
 */
export function contextBench(backend: Backend, probe: Probe, ids: Int32Array, sizes: ContextSizes): KernelBench {
  const { heads, headDim } = sizes;
  const query = sampleNumbers(heads * headDim, 7, querySpread);
  const made = new Map<string, MadeContext>();
  const contestants: Contestant[] = [];
  const dispose = (): void => {
    for (const context of made.values()) context.dispose();
  };
  const add = (name: string, context: MadeContext): void => {
    made.set(name, context);
    const slopes = context.slopes === null ? null : Float32Array.from(context.slopes);
    const asked = { heads, queries: query, scale: 1 / Math.sqrt(headDim), slopes };
    const flops = 4 * heads * headDim * ids.length;
    // A cache is read once, so its rate is of bytes; tables read rows again, and from caches.
    const work =
      name === kvName ? ({ work: context.bytes, unit: 'B/s' } as const) : ({ work: flops, unit: 'flop/s' } as const);
    contestants.push(ownAttention(backend, context.view, asked, { name, ...work }));
  };
  try {
    const kv = makeKv(backend, sizes, ids.length);
    contestants.push(sumContestant(probe, kv.bytes));
    add(kvName, kv);
    add('tables, w = 1, rope', makeTable(backend, sizes, ids, 1, 'rope'));
    add('tables, w = 3, rope', makeTable(backend, sizes, ids, 3, 'rope'));
    add('tables, w = 1, alibi', makeTable(backend, sizes, ids, 1, 'alibi'));
    add('tables, w = 1, none', makeTable(backend, sizes, ids, 1, 'none'));
  } catch (error) {
    for (const contestant of contestants) contestant.dispose();
    dispose();
    throw error;
  }
  return {
    name: `context of ${ids.length.toLocaleString('en-US')} entries, 1 query, ${heads} heads × ${headDim}`,
    contestants,
    against: kvName,
    expected({ name }) {
      const { read, slopes } = made.get(name) as MadeContext;
      return referenceAttention({ ...sizes, length: ids.length, query, read, ...(slopes !== null && { slopes }) });
    },
    dispose,
  };
}
