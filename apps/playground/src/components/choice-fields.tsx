/** Fields of a training run's settings, some or all. */

import { useSyncExternalStore } from 'react';
import type { Training } from '../training/training.ts';
import { choiceFields, type TrainingChoices } from '../training/training-choices.ts';

interface ChoiceFieldsProps {
  readonly training: Training;
  readonly names: readonly (keyof TrainingChoices)[];
}

export function ChoiceFields({ training, names }: ChoiceFieldsProps) {
  const { choices } = useSyncExternalStore(training.store.subscribe, training.store.get);
  return (
    <div className="settings">
      {choiceFields
        .filter(({ name }) => names.includes(name))
        .map(({ name, label, min, max, step }) => (
          <label key={name}>
            {label}
            <input
              type="number"
              required
              {...{ min, max, step }}
              defaultValue={choices[name]}
              onChange={({ target }) => {
                if (target.value !== '' && target.validity.valid) training.choose({ [name]: target.valueAsNumber });
              }}
            />
          </label>
        ))}
    </div>
  );
}
