/** An error as the page tells of it. */

import { InAttentionError } from '@inattention/core';

export interface Failure {
  readonly message: string;
  readonly fix?: string;
}

/** null for what the user cancelled. */
export function failureOf(error: unknown): Failure | null {
  if (!InAttentionError.isInstance(error)) return { message: String(error) };
  if (error.code === 'ABORTED') return null;
  const message = [error.what, error.got && `Got: ${error.got}.`].filter(Boolean).join(' ');
  return { message, ...(error.fix !== undefined && { fix: error.fix }) };
}
