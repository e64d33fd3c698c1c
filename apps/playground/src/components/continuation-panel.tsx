/** Generation: settings, start, speed, and two continuations of one context beside each other. */

import { formatTime } from '../format.ts';
import type { Playground } from '../playground.ts';
import type { SamplingSettings } from '../playground-state.ts';
import { usePlayground } from '../use-playground.ts';

interface Setting {
  readonly name: keyof SamplingSettings;
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
}

const settings: readonly Setting[] = [
  { name: 'temperature', label: 'Temperature', min: 0, max: 2, step: 0.05 },
  { name: 'topP', label: 'Top p', min: 0.05, max: 1, step: 0.05 },
  { name: 'topK', label: 'Top k (0: all)', min: 0, max: 1000, step: 1 },
  { name: 'repetitionPenalty', label: 'Repetition penalty', min: 1, max: 2, step: 0.05 },
  { name: 'seed', label: 'Seed', min: 0, max: 2 ** 31, step: 1 },
  { name: 'maxTokens', label: 'Tokens', min: 1, max: 4096, step: 1 },
];

export function ContinuationPanel({ playground }: { readonly playground: Playground }) {
  const { model, ids, generating, generation, comparison, sampling } = usePlayground(playground);
  const able = model !== null && ids.length > 0 && !generating;
  return (
    <section aria-labelledby="continue-title">
      <h2 id="continue-title">Continue</h2>
      <div className="settings">
        {settings.map(({ name, label, min, max, step }) => (
          <label key={name}>
            {label}
            <input
              type="number"
              {...{ min, max, step }}
              value={sampling[name]}
              onChange={({ target }) => {
                if (target.value !== '' && target.validity.valid)
                  playground.setSampling({ [name]: target.valueAsNumber });
              }}
            />
          </label>
        ))}
      </div>
      <div className="row">
        <button type="button" className="main" disabled={!able} onClick={() => void playground.generate()}>
          Continue the text
        </button>
        <button type="button" disabled={!able} onClick={() => void playground.compare()}>
          Compare two seeds
        </button>
        <button type="button" disabled={!generating} onClick={() => playground.stop()}>
          Stop generating
        </button>
      </div>
      {generation !== null && (
        <p className="note" data-testid="generation">
          {generation.tokens} tokens, the first after {formatTime(generation.firstTokenMs)}, then{' '}
          {generation.tokensPerSecond.toFixed(1)} tokens/s
          {generation.finish === 'running' ? '' : ` (${generation.finish})`}
        </p>
      )}
      {comparison.length > 0 && (
        <div className="comparison">
          {comparison.map(({ seed, text, done }, place) => (
            <article key={seed} aria-label={`Continuation with seed ${seed}`}>
              <h3>Seed {seed}</h3>
              <p className="continuation">{text}</p>
              <button type="button" disabled={!done} onClick={() => void playground.keep(place)}>
                Keep this one
              </button>
            </article>
          ))}
        </div>
      )}
    </section>
  );
}
