/** What a context sweep measures. The defaults take less than a minute on two cores. */

import { formatTokens, sweepShapes } from '@inattention/bench';
import { weightDTypes } from '@inattention/core/math';
import type { FormEvent } from 'react';
import type { BenchPage } from '../bench-page.ts';
import { backendChoices } from '../jobs.ts';
import { Choice, Count, chosen, Group, options, Several, ticked } from './fields.tsx';
import { RunButton } from './run-button.tsx';

const lengths = ['256', '1024', '4096', '16384', '65536'] as const;
const variants = ['self', 'tables', 'kv', 'states', 'ids'] as const;
const variantLabels = {
  self: 'self-attention, the baseline',
  tables: 'tables: ids, and keys and values per distinct id',
  kv: 'kv: keys and values per token',
  states: 'states: one state per token',
  ids: 'ids alone',
} as const;
const dtypes = ['f32', 'f16'] as const;
const positions = ['rope', 'alibi', 'learned', 'none'] as const;

export function SweepForm({ bench }: { readonly bench: BenchPage }) {
  const run = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const job = {
      kind: 'sweep',
      backend: chosen(data, 'backend', backendChoices),
      shape: String(data.get('shape')),
      lengths: ticked(data, 'length', lengths).map(Number),
      variants: ticked(data, 'variant', variants),
      dtype: chosen(data, 'dtype', dtypes),
      weightDType: chosen(data, 'weightDType', weightDTypes),
      positions: chosen(data, 'positions', positions),
      window: Number(data.get('window')),
      selfUpTo: Number(data.get('selfUpTo')),
      rounds: Number(data.get('rounds')),
      warmUpTokens: Number(data.get('warmUpTokens')),
    } as const;
    if (job.lengths.length === 0) bench.fail(new Error('Choose at least one context length.'));
    else if (job.variants.length === 0) bench.fail(new Error('Choose at least one variant.'));
    else void bench.run(job);
  };
  return (
    <form aria-label="Context sweep" onSubmit={run}>
      <p className="note">
        InAttention in each context mode against the same-size self-attention model with KV cache, in turn in one run,
        on Moby-Dick. What does not fit is planned, not tried.
      </p>
      <Several
        name="length"
        legend="Context lengths, in tokens"
        options={lengths.map((value) => ({ value, label: formatTokens(Number(value)) }))}
        initial={['1024', '4096']}
      />
      <Several
        name="variant"
        legend="Variants"
        options={variants.map((value) => ({ value, label: variantLabels[value] }))}
        initial={variants}
      />
      <Group>
        <Choice name="shape" label="Shape" options={options(sweepShapes.map(({ name }) => name))} initial="small" />
        <Choice name="backend" label="Backend" options={options(backendChoices)} initial="auto" />
        <Choice name="dtype" label="Contexts in" options={options(dtypes)} initial="f32" />
        <Choice name="weightDType" label="Weights in" options={options(weightDTypes)} initial="f32" />
        <Choice name="positions" label="Positions" options={options(positions)} initial="rope" />
        <Count name="window" label="Window w" initial={3} most={64} />
        <Count name="rounds" label="Rounds" initial={3} most={99} />
        <Count name="selfUpTo" label="Run the baseline up to" initial={4096} most={131_072} />
        <Count name="warmUpTokens" label="Tokens warm tables have seen" initial={32_768} most={131_072} />
      </Group>
      <RunButton bench={bench} />
    </form>
  );
}
