/** Which backends and context modes are compared, with what model, over what text. */

import { type FormEvent, useState } from 'react';
import type { BenchPage } from '../bench-page.ts';
import { useBench } from '../use-bench.ts';
import { Count, Group, options, Several, ticked } from './fields.tsx';
import { firstModel, ModelField } from './model-field.tsx';
import { RunButton } from './run-button.tsx';
import { TextField, useText } from './text-field.tsx';

const backends = ['cpu', 'webgpu'] as const;
const modes = ['kv', 'tables', 'states', 'ids'] as const;

export function AgreementForm({ bench }: { readonly bench: BenchPage }) {
  const { device } = useBench(bench);
  const [model, setModel] = useState(() => firstModel(true));
  const [text, setText] = useText();
  const here = backends.filter((name) => name === 'cpu' || device?.adapter != null);
  const run = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    if (model === null) return;
    void bench.run({
      kind: 'agreement',
      backends: ticked(data, 'backend', backends),
      modes: ticked(data, 'mode', modes),
      tokens: Number(data.get('tokens')),
      ...{ model, text },
    });
  };
  return (
    <form aria-label="Agreement of backends" onSubmit={run}>
      <p className="note">
        Every backend, in every context mode, is given the same text token by token; after each token the next one that
        it takes for the most likely is compared with the reference’s: the first backend in the first mode.
        {here.length === 1 && ' There is no WebGPU here: the modes of the processor are compared.'}
      </p>
      <Several name="backend" legend="Backends" options={options(here)} initial={backends} key={here.length} />
      <Several name="mode" legend="Context modes" options={options(modes)} initial={['kv', 'tables']} />
      <ModelField model={model} random onChange={setModel} />
      <TextField text={text} onChange={setText} />
      <Group>
        <Count name="tokens" label="Tokens" initial={256} most={16_384} />
      </Group>
      <RunButton bench={bench} />
    </form>
  );
}
