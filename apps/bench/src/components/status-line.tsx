/** What is going on, how far it is, how to stop it, and what went wrong. */

import type { BenchPage } from '../bench-page.ts';
import { useBench } from '../use-bench.ts';

export function StatusLine({ bench }: { readonly bench: BenchPage }) {
  const { running, failure, note } = useBench(bench);
  return (
    <div className="status">
      <p role="status" aria-live="polite" data-testid="status">
        {running === null ? note || 'Ready.' : `${running.what}…`}
      </p>
      {running !== null && <progress {...(running.share !== null && { value: running.share })} aria-label="Progress" />}
      <button type="button" disabled={running === null} onClick={() => bench.cancel()}>
        Cancel
      </button>
      {failure !== null && (
        <div role="alert" className="failure">
          <p>{failure}</p>
          <button type="button" onClick={() => bench.dismissFailure()}>
            Dismiss
          </button>
        </div>
      )}
    </div>
  );
}
