/**
 * A backend that counts and computes nothing: buffers are numbers of bytes, kernels return at once. What runs on it takes
 * the memory that it would take on a device with the same fused operations, so that memory can be known before there is
 * any. Numbers read from it are zeros.
 */

import {
  type Backend,
  type BackendBuffer,
  type FusedOperations,
  Ledger,
  type LedgerSnapshot,
  type Primitives,
  type Purpose,
} from '@inattention/core';

/** What of a backend decides how much memory operations take on it. */
export type BackendTraits = Pick<Backend, 'fused' | 'capabilities'>;

/** A ledger that remembers what its peak was made of. */
class PeakLedger extends Ledger {
  #peak: LedgerSnapshot = this.snapshot();

  /** Bytes by purpose when they were most. */
  get peak(): LedgerSnapshot {
    return this.#peak;
  }

  override addLive(purpose: Purpose, bytes: number): void {
    super.addLive(purpose, bytes);
    if (bytes <= 0) return;
    const now = this.snapshot();
    if (now.liveTotal > this.#peak.liveTotal) this.#peak = now;
  }

  override resetPeak(): void {
    super.resetPeak();
    this.#peak = this.snapshot();
  }
}

class CountedBuffer implements BackendBuffer {
  readonly byteLength: number;
  readonly purpose: Purpose;

  constructor(byteLength: number, purpose: Purpose) {
    this.byteLength = byteLength;
    this.purpose = purpose;
  }
}

const nothing = (): void => undefined;

const primitives: Primitives = {
  ...{ fill: nothing, cast: nothing, add: nothing, subtract: nothing, multiply: nothing, divide: nothing },
  ...{ affine: nothing, exp: nothing, log: nothing, sqrt: nothing, sigmoid: nothing, sum: nothing, max: nothing },
  ...{ matmul: nothing, gatherRows: nothing, scatterAddRows: nothing, permute: nothing, copyBlock: nothing },
};

/** A counting backend with the fused operations of another. */
export function createCountingBackend({
  fused,
  capabilities,
}: BackendTraits): Backend & { readonly ledger: PeakLedger } {
  const ledger = new PeakLedger();
  return {
    specificationVersion: 'v1',
    name: 'counting',
    info: { device: 'none', details: {} },
    capabilities: { ...capabilities, maxTotalBytes: Number.POSITIVE_INFINITY },
    ledger,
    primitives,
    fused: Object.fromEntries(Object.keys(fused).map((name) => [name, nothing])) as Partial<FusedOperations>,
    allocate(byteLength, purpose) {
      ledger.addLive(purpose, byteLength);
      return new CountedBuffer(byteLength, purpose);
    },
    free(buffer) {
      if (buffer instanceof CountedBuffer) ledger.addLive(buffer.purpose, -buffer.byteLength);
    },
    write: nothing,
    read: async (_buffer, _byteOffset, byteLength) => new ArrayBuffer(byteLength),
    reserve: async () => undefined,
    sync: async () => undefined,
    trim: nothing,
    dispose: nothing,
    [Symbol.dispose]: nothing,
  };
}
