/** What to train on, and how: shown before a run. */

import { type ChangeEvent, useRef, useState } from 'react';
import { formatBytes } from '../format.ts';
import { choiceFields } from '../training/training-choices.ts';
import { usePlayground } from '../use-playground.ts';
import { ChoiceFields } from './choice-fields.tsx';
import type { TrainingProps } from './training-panel.tsx';

/** A text of a file: too long for a field perhaps. */
interface GivenText {
  readonly name: string;
  readonly content: Blob;
}

export function TrainingForm({ playground, training }: TrainingProps) {
  const { model, modelName, parts } = usePlayground(playground);
  const [typed, setTyped] = useState('');
  const [given, setGiven] = useState<GivenText | null>(null);
  const files = useRef<HTMLInputElement>(null);
  const contextText = parts.map(({ text }) => text).join('\n');
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    const chosen = [...(event.target.files ?? [])];
    event.target.value = '';
    if (chosen.length === 0) return;
    setGiven({ name: chosen.map(({ name }) => name).join(', '), content: new Blob(chosen) });
  };
  const start = () => {
    const { location } = playground;
    if (location === null || modelName === null) return;
    training.start(modelName, location, given?.content ?? new Blob([typed]));
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        start();
      }}
    >
      <p className="note">
        Goes on training {modelName ?? 'the open model'} on your text, in this tab and nowhere else. A page or more is
        needed; a book is better. The open model stays as it is until you take the trained one.
      </p>
      {given === null ? (
        <textarea
          value={typed}
          rows={6}
          spellCheck={false}
          aria-label="Text to train on"
          placeholder="Paste the text to train on"
          onChange={({ target }) => setTyped(target.value)}
        />
      ) : (
        <p className="row">
          {given.name}, {formatBytes(given.content.size)}
          <button type="button" onClick={() => setGiven(null)}>
            Paste a text instead
          </button>
        </p>
      )}
      <div className="row">
        <button type="button" onClick={() => files.current?.click()}>
          Open text files…
        </button>
        <button
          type="button"
          disabled={contextText === ''}
          onClick={() => setGiven({ name: 'The context', content: new Blob([contextText]) })}
        >
          Take the context’s texts
        </button>
        <input ref={files} type="file" multiple hidden onChange={choose} aria-label="Texts to train on" />
      </div>
      <ChoiceFields training={training} names={choiceFields.map(({ name }) => name)} />
      <div className="row">
        <button type="submit" className="main" disabled={model === null || (given === null && typed.trim() === '')}>
          Start training
        </button>
        {model === null && <span className="note">Open a model first.</span>}
      </div>
    </form>
  );
}
