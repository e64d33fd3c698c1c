/** What the page shows. */

import type { AnyResult, SweepResult } from '@inattention/bench';
import type { DeviceReport } from './device-report.ts';
import type { JobProgress } from './jobs.ts';

export interface ShownResult {
  readonly result: AnyResult;
  /** Where it is from: this page, a file's name, a link. */
  readonly from: string;
}

export interface BenchState {
  /** null until the worker has looked. */
  readonly device: DeviceReport | null;
  /** null when nothing runs. */
  readonly running: JobProgress | null;
  readonly shown: ShownResult | null;
  /** A second sweep, set beside the one that is shown. */
  readonly compared: { readonly result: SweepResult; readonly from: string } | null;
  /** What went wrong, in a sentence; null when nothing did. */
  readonly failure: string | null;
  /** What became of the last action: saved, copied. */
  readonly note: string;
}
