/** What can be done with a run, in each of its phases. */

import { type ChangeEvent, useRef, useSyncExternalStore } from 'react';
import { ChoiceFields } from './choice-fields.tsx';
import type { TrainingProps } from './training-panel.tsx';

export function TrainingButtons({ training }: TrainingProps) {
  const { phase, choices, history } = useSyncExternalStore(training.store.subscribe, training.store.get);
  const files = useRef<HTMLInputElement>(null);
  const open = (event: ChangeEvent<HTMLInputElement>) => {
    const chosen = [...(event.target.files ?? [])];
    event.target.value = '';
    if (chosen.length > 0) training.open(chosen);
  };
  const active = phase === 'preparing' || phase === 'running' || phase === 'ending';
  const kept = phase === 'paused' || phase === 'stopped' || phase === 'finished';
  const done = phase === 'stopped' || phase === 'finished';
  const goesOn = history.losses.length < choices.steps;
  return (
    <>
      {kept && (
        <details className="note">
          <summary>Go on with other settings</summary>
          <ChoiceFields training={training} names={['steps', 'learningRate', 'sampleEvery']} />
        </details>
      )}
      <div className="row">
        {active && (
          <>
            <button type="button" disabled={phase === 'ending'} onClick={() => training.pause()}>
              Pause training
            </button>
            <button type="button" disabled={phase === 'ending'} onClick={() => training.stop()}>
              End training
            </button>
          </>
        )}
        {kept && (
          <>
            <button type="button" className={done ? '' : 'main'} disabled={!goesOn} onClick={() => training.resume()}>
              Resume training
            </button>
            <button type="button" className={done ? 'main' : ''} onClick={() => training.takeModel()}>
              Use this model
            </button>
            <button type="button" onClick={() => training.download()}>
              Download the checkpoint
            </button>
            <button type="button" onClick={() => training.discard()}>
              Discard the run
            </button>
          </>
        )}
        {!active && (
          <button type="button" onClick={() => files.current?.click()}>
            Open a checkpoint…
          </button>
        )}
        <input ref={files} type="file" multiple hidden onChange={open} aria-label="Files of a checkpoint" />
      </div>
    </>
  );
}
