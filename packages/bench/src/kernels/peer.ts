/**
 * Another library that runs the same work, for comparison. Peers are development dependencies: where one is not installed
 * the benches run without it and say how to install it.
 */

import { InAttentionError } from '@inattention/core';
import type { KernelPeer } from './kernel-result.ts';

export interface MatmulSizes {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

export interface AttentionSizes {
  readonly heads: number;
  readonly headDim: number;
  readonly length: number;
}

/** A product or an attention that a peer is ready to run. */
export interface PeerKernel {
  /** From inputs where the peer wants them to the result in a JavaScript array, which is the peer's only border. */
  run(): void | Promise<void>;
  result(): Float32Array;
  dispose(): void | Promise<void>;
}

export interface Peer {
  readonly name: string;
  readonly version: string;
  /** What a matrix that is an input, a constant, and an input made anew in every call are in this library. */
  readonly notes: { readonly input: string; readonly constant: string; readonly fed: string };
  /** a [rows, inner] · b [inner, columns]; a is an input, b too unless `constant`. */
  matmul(sizes: MatmulSizes, a: Float32Array, b: Float32Array, constant: boolean): Promise<PeerKernel>;
  /**
   * One query [H, 1, C], already over √C and fed in every call, over keys, stored transposed [H, C, N], and values [H, N, C]:
   * MatMul, Softmax, MatMul. Keys and values are fed in every call unless `constant`.
   */
  attention(
    sizes: AttentionSizes,
    inputs: { readonly query: Float32Array; readonly keysTransposed: Float32Array; readonly values: Float32Array },
    constant: boolean,
  ): Promise<PeerKernel>;
}

/** What became of a peer. */
export interface LoadedPeer {
  readonly facts: KernelPeer;
  readonly peer: Peer | null;
}

/** Loads a peer made of packages; facts instead of it when one is missing, or when it does not start on this machine. */
export async function loadPeer(
  name: string,
  packages: readonly string[],
  load: () => Promise<Peer>,
): Promise<LoadedPeer> {
  try {
    const peer = await load();
    return { facts: { name, version: peer.version }, peer };
  } catch (error) {
    if (InAttentionError.isInstance(error, 'BACKEND_UNAVAILABLE')) {
      return { facts: { name, version: null, missing: error.message }, peer: null };
    }
    if (!isMissing(error)) throw error;
    const missing = `${name} is not installed; to measure it: npm install --no-save ${packages.join(' ')}`;
    return { facts: { name, version: null, missing }, peer: null };
  }
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND';
}
