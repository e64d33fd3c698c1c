/** The result that is shown: what can be done with it, and its report. */

import { comparisonTable, headingOf, reportContent, resultSchema, tableSection } from '@inattention/bench';
import { useCallback } from 'react';
import type { BenchPage } from '../bench-page.ts';
import type { BenchState, ShownResult } from '../bench-state.ts';
import { useBench } from '../use-bench.ts';
import { ReportNodes } from './report-nodes.tsx';
import { ResultActions } from './result-actions.tsx';

export function ResultView({ bench }: { readonly bench: BenchPage }) {
  const { shown, compared } = useBench(bench);
  return (
    <section aria-labelledby="result-title" className="result">
      <h2 id="result-title">Result</h2>
      <ResultActions bench={bench} shown={shown} />
      {shown === null ? (
        <p className="note">
          Nothing yet: run a bench, open a result that the page or the command line wrote, or drop it here.
        </p>
      ) : (
        <>
          <Comparison bench={bench} shown={shown} compared={compared} />
          <Report bench={bench} shown={shown} />
        </>
      )}
    </section>
  );
}

function Report({ bench, shown: { result, from } }: { readonly bench: BenchPage; readonly shown: ShownResult }) {
  const { heading, introduction } = headingOf(result);
  const make = useCallback(() => reportContent(document, result), [result]);
  const onError = useCallback((error: unknown) => bench.fail(error), [bench]);
  return (
    <>
      <h3 data-testid="heading">{heading}</h3>
      <p className="note">
        {introduction} From: {from}.
      </p>
      <ReportNodes make={make} onError={onError} />
    </>
  );
}

function Comparison({
  bench,
  shown,
  compared,
}: Pick<BenchState, 'compared'> & { readonly bench: BenchPage; readonly shown: ShownResult }) {
  const first = shown.result;
  const second = compared?.result;
  const make = useCallback(async () => {
    if (second === undefined || first.schema !== resultSchema) return [];
    const table = comparisonTable(first, second);
    const none = 'The two share no length and variant.';
    return tableSection(document, table.rows.length > 0 ? table : { ...table, notes: [...table.notes, none] });
  }, [first, second]);
  const onError = useCallback((error: unknown) => bench.fail(error), [bench]);
  return second === undefined ? null : <ReportNodes make={make} onError={onError} />;
}
