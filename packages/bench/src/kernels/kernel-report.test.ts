import { expect, test } from 'vitest';
import { kernelMarkdown } from './kernel-markdown.ts';
import { kernelReport } from './kernel-report.ts';
import { type KernelFigure, type KernelResult, kernelSchema } from './kernel-result.ts';
import { parseKernels } from './parse-kernels.ts';

const figure: KernelFigure = {
  bench: 'GEMM 512³',
  contestant: 'inattention',
  kind: 'ours',
  threads: 2,
  medianMs: 3.25,
  fastestMs: 3.125,
  rounds: 11,
  callsPerRound: 20,
  rate: 82.6e9,
  unit: 'flop/s',
  shareOfLimit: 0.875,
  cpuPerWall: 1.96,
  counts: true,
  error: 3.2e-7,
};

const result: KernelResult = {
  schema: kernelSchema,
  created: '2026-01-01T00:00:00.000Z',
  command: 'inattention bench --kernels',
  environment: { cpu: 'A CPU' },
  backend: 'cpu',
  devices: [{ threads: 2, device: 'WebAssembly SIMD, 2 threads', software: false }],
  rounds: 11,
  warmUpCalls: 40,
  peers: [
    { name: 'onnxruntime-web', version: '1.30.0' },
    { name: 'tfjs', version: null, missing: 'tfjs is not installed; to measure it: npm install tfjs' },
  ],
  text: { title: 'A text', source: 'x', licence: 'CC0', tokenizer: 'BPE' },
  contexts: [{ tokens: 4096, distinct: 1300 }],
  figures: [
    figure,
    { ...figure, contestant: 'onnx\u001b[31mruntime-web', kind: 'peer', cpuPerWall: 1.1, counts: false, error: 0 },
    { ...figure, threads: 1, contestant: 'limit', kind: 'limit', shareOfLimit: null, error: null, note: 'fused' },
  ],
  ratios: [
    { bench: figure.bench, threads: 2, ours: 'inattention', other: 'onnxruntime-web', speed: 1.7, counts: false },
  ],
};

test('every figure, ratio and fact is in the report', () => {
  const report = kernelReport(result);
  expect(report).toMatch(/│ inattention +│ +3\.25 ms │ +3\.13 ms │ +82\.6 GFLOP\/s │ +88 % │ +1\.96 │ +3e-7 │/);
  expect(report).toContain('inattention / onnxruntime-web: 1.70× the speed *');
  expect(report).toContain('GEMM 512³; 2 threads');
  expect(report).toContain('GEMM 512³; 1 thread\n');
  expect(report).toContain('limit: fused');
  expect(report).toContain('Peer: onnxruntime-web 1.30.0');
  expect(report).toContain('Peer: tfjs is not installed; to measure it: npm install tfjs');
  expect(report).toContain('A text (BPE); 1,300 distinct ids in 4,096');
});

test('figures that do not count are marked, and only then is the mark explained', () => {
  expect(kernelReport(result)).toMatch(/runtime-web \*.*1\.10/);
  expect(kernelReport(result)).toContain('the figure does not count');
  const quiet = { ...result, figures: [figure] };
  expect(kernelReport(quiet)).not.toContain('does not count');
});

test('Markdown has the same tables, and as many cells in each row', () => {
  const text = kernelMarkdown(result);
  expect(text).toContain('## GEMM 512³; 2 threads');
  expect(text).toContain('| inattention | 3.25 ms | 3.13 ms | 82.6 GFLOP/s | 88 % | 1.96 | 3e-7 |');
  const tables = text.split('\n\n').filter((part) => part.startsWith('|'));
  expect(tables.length).toBe(2);
  for (const table of tables) {
    expect(new Set(table.split('\n').map((line) => line.split('|').length)).size).toBe(1);
  }
});

test('figures of a software adapter are said not to be a GPU’s', () => {
  expect(kernelReport(result)).not.toContain('plays GPU');
  const devices = [{ threads: null, device: 'SwiftShader', software: true }];
  const figures = [{ ...figure, threads: null }];
  const webgpu: KernelResult = { ...result, backend: 'webgpu', devices, figures, contexts: [] };
  for (const text of [kernelReport(webgpu), kernelMarkdown(webgpu)]) {
    expect(text).toContain('this adapter is a processor that plays GPU');
    expect(text).toContain('GEMM 512³; WebGPU');
    expect(text).not.toContain('distinct ids');
  }
});

test('control sequences in names do not reach the terminal', () => {
  expect(kernelReport(result)).not.toContain('\u001b');
});

test('a result is read back, one of the version before too, and nothing else', () => {
  const json = () => JSON.parse(JSON.stringify(result)) as Record<string, unknown>;
  expect(parseKernels(json())).toEqual(result);
  expect(parseKernels({ ...json(), schema: 'inattention-kernels/2' })).toEqual(result);
  const browser = { ...json(), text: null, contexts: [], figures: [{ ...figure, cpuPerWall: null }] };
  expect(kernelReport(parseKernels(browser))).not.toContain('cpu/wall');
  for (const [broken, field] of [
    [{ schema: 'inattention-kernels/1' }, 'schema'],
    [{ backend: '<script>' }, 'backend'],
    [{ figures: [{ ...figure, medianMs: -1 }] }, 'figures.0.medianMs'],
    [{ ratios: [{ bench: 'x' }] }, 'ratios.0.threads'],
  ] as const) {
    expect(() => parseKernels({ ...json(), ...broken })).toThrow(
      expect.objectContaining({ code: 'INVALID_FILE', message: expect.stringContaining(`"${field}"`) }),
    );
  }
});
