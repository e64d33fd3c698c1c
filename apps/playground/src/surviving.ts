/** Work with a session that is done again on another device when its own is lost in the middle. */

import { InAttentionError } from '@inattention/core';
import type { WorkerSession } from '@inattention/model/worker';

/** @param work changes nothing when it fails */
export async function surviving<T>(
  session: WorkerSession,
  signal: AbortSignal | null,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!InAttentionError.isInstance(error, 'BACKEND_LOST')) throw error;
    await session.recover(signal === null ? {} : { signal });
    return work();
  }
}
