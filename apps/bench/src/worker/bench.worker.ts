/** All measuring, off the page's thread. */

import type { AnyResult } from '@inattention/bench';
import { expose } from 'comlink';
import type { DeviceReport } from '../device-report.ts';
import type { Job, JobProgress } from '../jobs.ts';
import { describeDevice } from './describe-device.ts';

/** A function of the page: it answers when it has been called. */
type Told<T> = (value: T) => void | Promise<void>;

let running: AbortController | null = null;

const api = {
  device: (): Promise<DeviceReport> => describeDevice(),
  async run(job: Job, onProgress: Told<JobProgress>, onPartial: Told<AnyResult>): Promise<AnyResult> {
    const controller = new AbortController();
    running = controller;
    // What is told goes by channels of its own: the page has to have it before it hears of the end.
    let progress: Promise<void> = Promise.resolve();
    let partial: Promise<void> = Promise.resolve();
    try {
      const { runJob } = await import('./run-job.ts'); // models and benches: nothing of them is needed to look at the device
      return await runJob(job, {
        signal: controller.signal,
        onProgress({ what, share }) {
          progress = Promise.resolve(onProgress({ what, share }));
        },
        onPartial(result) {
          partial = Promise.resolve(onPartial(result));
        },
      });
    } finally {
      await Promise.all([progress, partial]);
    }
  },
  cancel(): void {
    running?.abort();
  },
};

export type BenchWorker = typeof api;

expose(api);
