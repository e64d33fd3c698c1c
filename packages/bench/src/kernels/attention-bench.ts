/** Decode attention: one query over keys and values of a whole context, which is bound by reading them. */

import type { KernelBench } from './contestant.ts';
import { makeKv } from './context-views.ts';
import { sumContestant } from './limits.ts';
import { ownAttention } from './own-kernels.ts';
import type { AttentionSizes } from './peer.ts';
import { peerContestant } from './peer-contestant.ts';
import { type BenchParts, benchOf, resultRead } from './product-benches.ts';
import { referenceAttention, sampleNumbers } from './reference.ts';

/** Scores then differ enough that a softmax gone wrong cannot pass for a mean. */
const queryScale = 6;

/**
 * Ours reads pages of a context; peers get keys transposed beforehand and the query already scaled, keys and values both as
 * constants and fed.
 */
export async function attentionBench(parts: BenchParts, sizes: AttentionSizes): Promise<KernelBench> {
  const { backend, probe, peers } = parts;
  const { heads, headDim, length } = sizes;
  const query = sampleNumbers(heads * headDim, 5, queryScale);
  const context = makeKv(backend, { heads, headDim }, length);
  const scale = 1 / Math.sqrt(headDim);
  const work = { work: context.bytes, unit: 'B/s' } as const;
  const own = ownAttention(
    backend,
    context.view,
    { heads, queries: query, scale, slopes: null },
    { ...work, name: 'inattention' },
  );
  const contestants = [
    ...(probe === null ? [] : [sumContestant(probe, context.bytes)]),
    resultRead({ ...own, note: 'fused, over pages of the context' }),
  ];
  const inputs = { query: query.map((value) => value * scale), ...headRows(sizes, context.read) };
  for (const peer of peers) {
    for (const constant of [true, false]) {
      const kernel = await peer.attention(sizes, inputs, constant);
      const name = `${peer.name}, K and V ${constant ? 'constant' : 'fed'}`;
      const note = constant ? `${peer.notes.constant}; a cache that grows cannot be one` : peer.notes.fed;
      contestants.push(peerContestant(peer, kernel, { ...work, name, note }));
    }
  }
  const name = `decode attention, ${heads} × ${headDim}, N = ${length}`;
  const compute = () => referenceAttention({ heads, headDim, length, query, read: context.read });
  return { ...benchOf(name, contestants, compute), dispose: context.dispose };
}

/** Keys as [H, C, N] and values as [H, N, C]. */
function headRows(
  { heads, headDim, length }: AttentionSizes,
  read: ReturnType<typeof makeKv>['read'],
): { readonly keysTransposed: Float32Array; readonly values: Float32Array } {
  const keysTransposed = new Float32Array(heads * headDim * length);
  const values = new Float32Array(heads * length * headDim);
  const key = new Float64Array(headDim);
  const value = new Float64Array(headDim);
  for (let head = 0; head < heads; head += 1) {
    for (let position = 0; position < length; position += 1) {
      read(position, head, key, value);
      values.set(value, (head * length + position) * headDim);
      for (let c = 0; c < headDim; c += 1) keysTransposed[(head * headDim + c) * length + position] = key[c] as number;
    }
  }
  return { keysTransposed, values };
}
