/** What the kernel benches measure. */

import type { FormEvent } from 'react';
import type { BenchPage } from '../bench-page.ts';
import { useBench } from '../use-bench.ts';
import { Choice, Count, chosen, Group } from './fields.tsx';
import { RunButton } from './run-button.tsx';

const sizes = ['full', 'small'] as const;
const backends = ['cpu', 'webgpu'] as const;

export function KernelForm({ bench }: { readonly bench: BenchPage }) {
  const { device } = useBench(bench);
  const hasGpu = device?.adapter != null;
  const run = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    void bench.run({
      kind: 'kernels',
      backend: chosen(data, 'backend', backends),
      sizes: chosen(data, 'sizes', sizes),
      rounds: Number(data.get('rounds')),
      peers: data.get('peers') !== null,
    });
  };
  return (
    <form aria-label="Kernels" onSubmit={run}>
      <p className="note">
        A product of matrices, one row times a matrix, and the attention of one query, in turn with onnxruntime-web and
        TensorFlow.js on the same backend: medians and ratios of one run. Every result is compared with a float64 loop
        before it is timed. On the processor everybody has one thread.
      </p>
      <Group>
        <Choice
          name="backend"
          label="Backend"
          options={[
            { value: 'cpu', label: 'the processor, one thread' },
            ...(hasGpu ? [{ value: 'webgpu', label: 'WebGPU' }] : []),
          ]}
          initial="cpu"
        />
        <Choice
          name="sizes"
          label="Sizes"
          options={[
            { value: 'full', label: 'GEMM 512³, GEMV 2048², N = 4096' },
            { value: 'small', label: 'GEMM 128³, GEMV 256², N = 256' },
          ]}
          initial="full"
        />
        <Count name="rounds" label="Rounds" initial={11} most={99} />
      </Group>
      <label className="field">
        <input type="checkbox" name="peers" defaultChecked />
        Measure other libraries too: they are loaded now, from this page’s own files (up to 30 MB)
      </label>
      <RunButton bench={bench} />
    </form>
  );
}
