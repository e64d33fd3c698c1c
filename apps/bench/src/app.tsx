/** The page as a whole. */

import { useState } from 'react';
import type { BenchPage } from './bench-page.ts';
import { AgreementForm } from './components/agreement-form.tsx';
import { DeviceCard } from './components/device-card.tsx';
import { KernelForm } from './components/kernel-form.tsx';
import { QualityForm } from './components/quality-form.tsx';
import { ResultView } from './components/result-view.tsx';
import { StatusLine } from './components/status-line.tsx';
import { SweepForm } from './components/sweep-form.tsx';
import type { JobKind } from './jobs.ts';
import { useDrop } from './use-drop.ts';

const kinds: Readonly<Record<JobKind, string>> = {
  sweep: 'Context sweep',
  quality: 'Loss by context length',
  kernels: 'Kernels',
  agreement: 'Agreement of backends',
};

const forms = { sweep: SweepForm, quality: QualityForm, kernels: KernelForm, agreement: AgreementForm };

export function App({ bench }: { readonly bench: BenchPage }) {
  const [kind, setKind] = useState<JobKind>('sweep');
  const over = useDrop(bench);
  const Form = forms[kind];
  return (
    <div className={over ? 'page over' : 'page'}>
      <header>
        <h1>InAttention bench</h1>
        <p>
          Memory and time of a model whose layers read the tokens themselves, beside self-attention of the same size, in
          this tab. Nothing leaves it: the address of a link holds the result, and no server is sent that part.
        </p>
      </header>
      <main>
        <DeviceCard bench={bench} />
        <section aria-label="Bench" className="card">
          <fieldset className="kinds">
            <legend>What to measure</legend>
            {Object.entries(kinds).map(([name, title]) => (
              <label key={name}>
                <input
                  type="radio"
                  name="kind"
                  value={name}
                  checked={name === kind}
                  onChange={() => setKind(name as JobKind)}
                />
                {title}
              </label>
            ))}
          </fieldset>
          <Form bench={bench} />
          <StatusLine bench={bench} />
        </section>
        <ResultView bench={bench} />
      </main>
    </div>
  );
}
