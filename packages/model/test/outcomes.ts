/** Test support: how work ends. */

import { InAttentionError } from '@inattention/core';

/** The code of the error that work ends with, or 'done'. */
export async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'done';
  } catch (error) {
    if (InAttentionError.isInstance(error)) return error.code;
    throw error;
  }
}
