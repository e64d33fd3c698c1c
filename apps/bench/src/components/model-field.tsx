/** Which model: a shipped one, files of the user's, or a random one where that makes sense. */

import { sweepShapes } from '@inattention/bench';
import { type ChangeEvent, useState } from 'react';
import type { ModelChoice } from '../jobs.ts';
import { shippedModels, type TrainedModel } from '../shipped.ts';

/** The model that a form begins with. */
export function firstModel(random: boolean): ModelChoice | null {
  return shippedModels[0] ?? (random ? { kind: 'random', shape: 'tiny' } : null);
}

function nameOfModel(choice: ModelChoice): string {
  return choice.kind === 'random' ? `random, ${choice.shape}` : choice.name;
}

export function ModelField({
  model,
  random,
  onChange,
}: {
  readonly model: ModelChoice | null;
  /** Whether a random one may be chosen. */
  readonly random: boolean;
  readonly onChange: (model: ModelChoice) => void;
}) {
  const [opened, setOpened] = useState<TrainedModel | null>(null);
  const all: ModelChoice[] = [
    ...shippedModels,
    ...(opened === null ? [] : [opened]),
    ...(random ? sweepShapes.map(({ name }) => ({ kind: 'random', shape: name }) as const) : []),
  ];
  const openFiles = (event: ChangeEvent<HTMLInputElement>) => {
    const files = [...(event.target.files ?? [])];
    if (files.length === 0) return;
    const folder = files[0]?.webkitRelativePath.split('/')[0] ?? '';
    const name =
      folder !== '' ? folder : (files.find((file) => file.name.endsWith('.gguf'))?.name ?? 'the chosen files');
    const made = { kind: 'trained', name, location: { files } } as const;
    setOpened(made);
    onChange(made);
  };
  return (
    <div className="fields">
      <label className="field">
        Model
        <select
          value={model === null ? '' : nameOfModel(model)}
          onChange={(event) => {
            const found = all.find((one) => nameOfModel(one) === event.target.value);
            if (found !== undefined) onChange(found);
          }}
        >
          {model === null && <option value="">none yet</option>}
          {all.map((one) => (
            <option key={nameOfModel(one)} value={nameOfModel(one)}>
              {nameOfModel(one)}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        or a model’s files
        <input type="file" multiple onChange={openFiles} />
      </label>
    </div>
  );
}
