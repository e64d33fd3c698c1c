/** What went wrong, and what to do about it. */

import type { Failure } from '../failure.ts';

interface FailureNoteProps {
  readonly failure: Failure | null;
  readonly onDismiss: () => void;
}

export function FailureNote({ failure, onDismiss }: FailureNoteProps) {
  if (failure === null) return null;
  return (
    <div role="alert" className="failure">
      <p>
        {failure.message}
        {failure.fix !== undefined && ` To fix: ${failure.fix}.`}
      </p>
      <button type="button" onClick={onDismiss}>
        Dismiss
      </button>
    </div>
  );
}
