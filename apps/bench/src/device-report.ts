/** What the device card shows: plain data, gathered in the worker, where the work is done. */

export interface AdapterReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** A processor that plays GPU. */
  readonly software: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

export interface DeviceReport {
  readonly browser: string;
  readonly cores: number;
  /** GB, rounded by the browser; null where it does not tell. */
  readonly memory: number | null;
  readonly isolated: boolean;
  /** null: `whyNoAdapter` says why. */
  readonly adapter: AdapterReport | null;
  readonly whyNoAdapter: string;
  /** The processor's backend in a line, threads and instructions included; why it cannot run where it cannot. */
  readonly processor: string;
  readonly threads: number;
  /** What `auto` takes here, and why; null when nothing runs. */
  readonly chosen: { readonly name: string; readonly device: string; readonly reason: string } | null;
}
