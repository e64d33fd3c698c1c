/** All measuring, off the page's thread. */

import type { AnyResult } from '@inattention/bench';
import { expose } from 'comlink';
import type { DeviceReport } from '../device-report.ts';
import type { Job, JobProgress } from '../jobs.ts';
import { describeDevice } from './describe-device.ts';
import { runJob } from './run-job.ts';

let running: AbortController | null = null;

const api = {
  device: (): Promise<DeviceReport> => describeDevice(),
  async run(
    job: Job,
    onProgress: (progress: JobProgress) => void,
    onPartial: (result: AnyResult) => void,
  ): Promise<AnyResult> {
    const controller = new AbortController();
    running = controller;
    const { signal } = controller;
    return runJob(job, {
      signal,
      onProgress: ({ what, share }) => onProgress({ what, share }),
      onPartial: (result) => onPartial(result),
    });
  },
  cancel(): void {
    running?.abort();
  },
};

export type BenchWorker = typeof api;

expose(api);
