/** Training on the page: a text and settings before, a chart and samples meanwhile, the trained model after. */

import './training.css';
import { type ReactNode, useEffect, useState, useSyncExternalStore } from 'react';
import { formatCount, formatTime } from '../format.ts';
import type { Playground } from '../playground.ts';
import { Training } from '../training/training.ts';
import type { TrainingState } from '../training/training-state.ts';
import { FailureNote } from './failure-note.tsx';
import { LossChart } from './loss-chart.tsx';
import { TrainingButtons } from './training-buttons.tsx';
import { TrainingForm } from './training-form.tsx';

export default function TrainingPanel({ playground }: { readonly playground: Playground }) {
  const [training, setTraining] = useState<Training | null>(null);
  useEffect(() => {
    const created = new Training(
      playground.backendChoice,
      (name, location) => void playground.openModel(name, location),
    );
    setTraining(created);
    return () => created.dispose();
  }, [playground]);
  return training === null ? null : <Panel playground={playground} training={training} />;
}

export interface TrainingProps {
  readonly playground: Playground;
  readonly training: Training;
}

function Panel({ playground, training }: TrainingProps) {
  const state = useSyncExternalStore(training.store.subscribe, training.store.get);
  const { phase, history, choices, busy, failure } = state;
  const { losses, samples } = history;
  return (
    <>
      {phase === 'none' && <TrainingForm playground={playground} training={training} />}
      {phase !== 'none' && phase !== 'unknown' && <Run state={state} />}
      {busy !== null && (
        <p className="row note">
          {busy.what}… {busy.share !== null && <progress value={busy.share} aria-label={busy.what} />}
        </p>
      )}
      <TrainingButtons playground={playground} training={training} />
      <FailureNote failure={failure} onDismiss={() => training.dismissFailure()} />
      {losses.length > 0 && <LossChart history={history} steps={Math.max(choices.steps, losses.length)} />}
      {samples.length > 0 && (
        <>
          <h3>How it continues</h3>
          <ol className="samples" data-testid="samples" reversed>
            {samples.toReversed().map(({ step, prompt, text }) => (
              <li key={step}>
                <span className="step">step {step}</span> <span className="prompt">{prompt}</span>
                {text}
              </li>
            ))}
          </ol>
        </>
      )}
    </>
  );
}

/** Where a run is, in words. */
function Run({ state }: { readonly state: TrainingState }): ReactNode {
  const { phase, modelName, choices, history, running, learningRate, tokensPerSecond, persistent } = state;
  const { losses, validation } = history;
  const loss = losses.at(-1);
  const apart = validation.at(-1)?.loss;
  const perStep = choices.batchSize * choices.contextLength;
  const left = tokensPerSecond === null ? null : ((choices.steps - losses.length) * perStep) / tokensPerSecond;
  const what = {
    unknown: '',
    none: '',
    preparing: 'Getting ready',
    running: 'Training',
    ending: 'Ending after this step',
    paused: 'Paused',
    stopped: 'Stopped',
    finished: 'Finished',
  }[phase];
  return (
    <div>
      <p data-testid="training-phase" role="status">
        <strong>{what}</strong>: {modelName}, step {losses.length} of {choices.steps}
        {phase === 'paused' && '. It goes on where it was, with the same numbers as if it had not paused'}.
      </p>
      <dl className="figures">
        <Figure name="Loss" value={loss?.toFixed(3)} testId="training-loss" />
        <Figure name="on text set apart" value={apart?.toFixed(3)} />
        <Figure name="Learning rate" value={learningRate?.toPrecision(2)} />
        <Figure name="Tokens/s" value={tokensPerSecond?.toFixed(0)} />
        <Figure name="Time left" value={phase === 'running' && left !== null ? formatTime(1000 * left) : undefined} />
      </dl>
      {running !== null && (
        <p className="note">
          {formatCount(running.tokens)} tokens of text
          {running.heldOut > 0 && `, the last ${formatCount(running.heldOut)} of them set apart to measure on`}. Runs on{' '}
          {running.device}.
        </p>
      )}
      {persistent === false && <p className="note">This browser keeps nothing for this page: a reload ends the run.</p>}
    </div>
  );
}

function Figure({ name, value = '–', testId }: { name: string; value?: string | undefined; testId?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-testid={testId}>{value}</dd>
    </div>
  );
}
