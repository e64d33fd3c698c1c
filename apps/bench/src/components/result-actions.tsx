/** Saving, sharing, opening and comparing results. */

import { anyMarkdown, headingOf, resultSchema } from '@inattention/bench';
import type { ChangeEvent } from 'react';
import type { BenchPage } from '../bench-page.ts';
import type { ShownResult } from '../bench-state.ts';
import { chartsPng } from '../charts-png.ts';
import { resultLink } from '../result-link.ts';
import { saveFile } from '../save.ts';

export function ResultActions({ bench, shown }: { readonly bench: BenchPage; readonly shown: ShownResult | null }) {
  const open = (event: ChangeEvent<HTMLInputElement>) => take(event, (file) => bench.openFile(file));
  return (
    <div className="row actions">
      {shown !== null && <Exports bench={bench} shown={shown} />}
      <label className="file">
        Open a result
        <input type="file" accept=".json,application/json" onChange={open} />
      </label>
      {shown?.result.schema === resultSchema && (
        <label className="file">
          Compare with
          <input
            type="file"
            accept=".json,application/json"
            onChange={(event) => take(event, (file) => bench.openCompared(file))}
          />
        </label>
      )}
    </div>
  );
}

function take(event: ChangeEvent<HTMLInputElement>, use: (file: File) => Promise<void>): void {
  const file = event.target.files?.[0];
  event.target.value = '';
  if (file !== undefined) void use(file);
}

function Exports({ bench, shown: { result } }: { readonly bench: BenchPage; readonly shown: ShownResult }) {
  const name = `inattention-${result.schema.split('/')[0]?.replace('inattention-', '')}-${result.created.slice(0, 10).replaceAll(/[^\d-]/g, '')}`;
  const hasCharts = result.schema === resultSchema || ('contextLoss' in result && result.contextLoss !== null);
  const json = () => {
    saveFile(`${name}.json`, new Blob([`${JSON.stringify(result, null, 2)}\n`], { type: 'application/json' }));
    bench.tell('Saved. `inattention bench --from` reads it too, if it is of a sweep or of quality.');
  };
  const markdown = () => {
    saveFile(`${name}.md`, new Blob([anyMarkdown(result)], { type: 'text/markdown' }));
    bench.tell('Saved.');
  };
  const png = async () => {
    try {
      const figures = [...document.querySelectorAll('figure')];
      saveFile(`${name}.png`, await chartsPng(figures, headingOf(result).heading));
      bench.tell('Saved.');
    } catch (error) {
      bench.fail(error);
    }
  };
  const link = async () => {
    const made = await resultLink(result);
    if (made === null) return bench.tell('Too long for a link: save it as JSON, which this page opens.');
    history.replaceState(null, '', made.hash);
    const copied = await navigator.clipboard?.writeText(location.href).then(
      () => true,
      () => false,
    );
    const without = made.without === null ? '' : ` It is without ${made.without}.`;
    bench.tell(`${copied ? 'Link copied.' : 'The link is in the address bar.'}${without}`);
  };
  return (
    <>
      <button type="button" onClick={json}>
        Save as JSON
      </button>
      <button type="button" onClick={markdown}>
        Save as Markdown
      </button>
      {hasCharts && (
        <button type="button" onClick={() => void png()}>
          Save charts as PNG
        </button>
      )}
      <button type="button" onClick={() => void link()}>
        Share as a link
      </button>
    </>
  );
}
