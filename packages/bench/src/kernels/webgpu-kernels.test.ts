import { createWebGpuBackend } from '@inattention/webgpu';
import { expect, test, vi } from 'vitest';
import { readMobyDick } from '../texts.ts';
import { tokenise } from '../tokenise.ts';
import { loadWebGpuPeers } from './node-peers.ts';
import { runKernels } from './run-kernels.ts';

// Pipelines of three libraries are compiled, by a processor that plays GPU.
vi.setConfig({ testTimeout: 120_000 });

test('on WebGPU, the products and attention are measured beside the WebGPU backends of both peers', async () => {
  const result = await runKernels({
    backend: 'webgpu',
    threads: [null],
    rounds: 1,
    warmUpCalls: 1,
    turnTime: 0.1,
    sizes: { gemm: 48, gemv: 64, heads: 2, headDim: 32, attention: 300, contexts: [300] },
    text: await tokenise(await readMobyDick(), 300),
    environment: { runtime: 'test' },
    createBackend: () => createWebGpuBackend(),
    loadPeers: loadWebGpuPeers,
    createProbe: null,
  });
  const { backend, devices, peers, contexts, figures, ratios } = result;
  expect([backend, contexts]).toEqual(['webgpu', []]);
  expect(devices).toEqual([{ threads: null, device: expect.any(String), software: expect.any(Boolean) }]);
  expect(peers.map(({ name, version }) => [name, version])).toEqual([
    ['onnxruntime-web, WebGPU', '1.30.0'],
    ['tfjs-backend-webgpu', '4.22.0'],
  ]);
  const counted = (kind: string) => figures.filter((figure) => figure.kind === kind).length;
  expect(['limit', 'ours', 'peer'].map(counted)).toEqual([0, 4, 8]);
  for (const figure of figures) {
    expect(figure).toMatchObject({ threads: null, rounds: 1, counts: true, shareOfLimit: null });
    expect(figure.medianMs).toBeGreaterThan(0);
    expect(figure.error).toBeLessThan(2e-5);
  }
  expect(ratios).toHaveLength(3 * 2);
});
