/** Which models foresee which text, with how much context. */

import { formatTokens } from '@inattention/bench';
import { type FormEvent, useState } from 'react';
import type { BenchPage } from '../bench-page.ts';
import { backendChoices } from '../jobs.ts';
import { Choice, Count, chosen, Group, options, Several, ticked } from './fields.tsx';
import { firstModel, ModelField } from './model-field.tsx';
import { RunButton } from './run-button.tsx';
import { TextField, useText } from './text-field.tsx';

const lengths = ['16', '64', '256', '1024', '4096'] as const;

export function QualityForm({ bench }: { readonly bench: BenchPage }) {
  const [model, setModel] = useState(() => firstModel(false));
  const [text, setText] = useText();
  const run = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const wanted = ticked(data, 'length', lengths).map(Number);
    if (wanted.length === 0) return bench.fail(new Error('Choose at least one context length.'));
    if (model?.kind !== 'trained') return;
    void bench.run({
      kind: 'quality',
      backend: chosen(data, 'backend', backendChoices),
      models: [model],
      text,
      characters: Number(data.get('characters')),
      lengths: wanted,
      targets: Number(data.get('targets')),
    });
  };
  return (
    <form aria-label="Loss by context length" onSubmit={run}>
      <p className="note">
        How much better a trained model foresees the same tokens with more text before them: its loss at chosen targets,
        each with exactly the last n tokens as context.
      </p>
      <ModelField model={model} random={false} onChange={setModel} />
      <TextField text={text} onChange={setText} />
      <Several
        name="length"
        legend="Context lengths, in tokens"
        options={lengths.map((value) => ({ value, label: formatTokens(Number(value)) }))}
        initial={['16', '64', '256', '1024']}
      />
      <Group>
        <Count name="targets" label="Targets" initial={128} least={2} most={4096} />
        <Count name="characters" label="Characters of the text" initial={30_000} least={100} most={2_000_000} />
        <Choice name="backend" label="Backend" options={options(backendChoices)} initial="auto" />
      </Group>
      <RunButton bench={bench} missing={model?.kind === 'trained' ? undefined : 'Open a trained model first.'} />
    </form>
  );
}
