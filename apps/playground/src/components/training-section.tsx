/** The place of training on the page: its code comes when somebody opens it, or when a run was left unfinished. */

import { lazy, Suspense, useEffect, useState } from 'react';
import type { Playground } from '../playground.ts';
import { wasTraining } from '../training/was-training.ts';

const TrainingPanel = lazy(() => import('./training-panel.tsx'));

export function TrainingSection({ playground }: { readonly playground: Playground }) {
  const [open, setOpen] = useState(false);
  const [wanted, setWanted] = useState(false);
  useEffect(() => {
    void wasTraining().then((was) => was && setOpen(true));
  }, []);
  useEffect(() => {
    if (open) setWanted(true);
  }, [open]);
  return (
    <details className="card wide" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <h2>Train the model on a text</h2>
      </summary>
      {wanted && (
        <Suspense fallback={<p className="note">Loading…</p>}>
          <TrainingPanel playground={playground} />
        </Suspense>
      )}
    </details>
  );
}
