/** Starts a form's bench, or says what has to be chosen first. */

import type { BenchPage } from '../bench-page.ts';
import { useBench } from '../use-bench.ts';

export function RunButton({ bench, missing }: { readonly bench: BenchPage; readonly missing?: string | undefined }) {
  const { running } = useBench(bench);
  return (
    <div className="row">
      <button type="submit" className="main" disabled={running !== null || missing !== undefined}>
        Run
      </button>
      {missing !== undefined && <span className="note">{missing}</span>}
    </div>
  );
}
