/**
 * The ledger counts bytes by purpose: *live* (held by somebody) and *reserved* (kept by the backend's pools or heap
 * but held by nobody), with the peak of both. Host bytes are a row of their own. A backend keeps its ledger exact:
 * live + reserved is what it has taken from the device.
 */

export const purposes = ['weights', 'table', 'context', 'activations', 'gradients', 'optimizer', 'scratch'] as const;

/** What an allocation is for. */
export type Purpose = (typeof purposes)[number];

/** Bytes at one moment. */
export interface LedgerSnapshot {
  readonly live: Readonly<Record<Purpose, number>>;
  readonly liveTotal: number;
  readonly reserved: number;
  /** Highest `liveTotal` since the last `resetPeak()`. */
  readonly peakLive: number;
  /** Highest `liveTotal + reserved` since the last `resetPeak()`. */
  readonly peakTotal: number;
  /** Host memory kept beside the device (mirrors of token ids). */
  readonly host: number;
}

/** Counts of one backend. Only the backend (device bytes) and contexts (host bytes) write to it. */
export class Ledger {
  readonly #live: Record<Purpose, number> = {
    weights: 0,
    table: 0,
    context: 0,
    activations: 0,
    gradients: 0,
    optimizer: 0,
    scratch: 0,
  };
  #liveTotal = 0;
  #reserved = 0;
  #peakLive = 0;
  #peakTotal = 0;
  #host = 0;

  /** Records `bytes` (negative: given back) held for `purpose`. */
  addLive(purpose: Purpose, bytes: number): void {
    this.#live[purpose] += bytes;
    this.#liveTotal += bytes;
    this.#updatePeaks();
  }

  /** Records what pools hold in excess of live bytes. */
  setReserved(bytes: number): void {
    this.#reserved = bytes;
    this.#updatePeaks();
  }

  /** Records host bytes (negative: given back). */
  addHost(bytes: number): void {
    this.#host += bytes;
  }

  /** Live bytes of one purpose. */
  live(purpose: Purpose): number {
    return this.#live[purpose];
  }

  /** Starts a new peak from the present bytes. */
  resetPeak(): void {
    this.#peakLive = 0;
    this.#peakTotal = 0;
    this.#updatePeaks();
  }

  snapshot(): LedgerSnapshot {
    return {
      live: { ...this.#live },
      liveTotal: this.#liveTotal,
      reserved: this.#reserved,
      peakLive: this.#peakLive,
      peakTotal: this.#peakTotal,
      host: this.#host,
    };
  }

  #updatePeaks(): void {
    this.#peakLive = Math.max(this.#peakLive, this.#liveTotal);
    this.#peakTotal = Math.max(this.#peakTotal, this.#liveTotal + this.#reserved);
  }
}
