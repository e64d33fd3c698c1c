/** `inattention doctor`: what each backend finds on this machine, and how to fix what it misses. */

import { cpus, totalmem } from 'node:os';
import { formatBytes } from '@inattention/bench';
import { type Backend, EagerOperations, InAttentionError, Tensor } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { createCudaBackend } from '@inattention/cuda';
import { createWebGpuBackend } from '@inattention/webgpu';
import { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { cudaFindings } from './cuda-findings.ts';

export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly found: string;
  readonly fix?: string;
}

interface BackendReport {
  readonly backend: string;
  readonly package: string;
  readonly works: boolean;
  readonly findings: readonly Finding[];
}

/** The oldest Node this project supports. */
const oldestNode = [20, 19] as const;

export function doctorCommand(terminal: Terminal): Command {
  return new Command('doctor')
    .description('Show what each backend finds on this machine, and how to fix what it misses')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText('after', '\nExit status: 0 when a backend works, 1 when none does.')
    .action((flags: { readonly json?: boolean }) => run(flags.json === true, terminal));
}

async function run(json: boolean, terminal: Terminal): Promise<void> {
  const runtime = checkRuntime();
  const backends = [];
  for (const check of [checkCuda, checkWebGpu, checkCpu]) backends.push(await checkBackend(check));
  const report = { runtime, backends };
  terminal.out(json ? `${JSON.stringify(report)}\n` : textReport(runtime, backends));
  if (!backends.some(({ works }) => works)) process.exitCode = 1;
}

function checkRuntime(): Finding[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const recent = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
  return [
    {
      name: 'Node',
      ok: recent,
      found: process.versions.node,
      ...(!recent && { fix: `install Node ${oldestNode.join('.')} or newer` }),
    },
    { name: 'processor', ok: true, found: `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores` },
    { name: 'memory', ok: true, found: formatBytes(totalmem()) },
  ];
}

/** How to look at one backend. */
interface Check {
  readonly backend: string;
  readonly package: string;
  create(): Promise<Backend>;
  /** What it needs of the machine, piece by piece. */
  surroundings?(): Promise<readonly Finding[]>;
  /** What is worth knowing of it, once it is there. */
  findings(backend: Backend): readonly Finding[];
}

const checkCpu: Check = {
  backend: 'cpu',
  package: '@inattention/cpu',
  create: () => createCpuBackend(),
  findings: ({ info, capabilities }) => {
    const { threads, simd, singleThreadBecause } = info.details;
    return [
      { name: 'WebAssembly SIMD', ok: true, found: String(simd) },
      {
        name: 'threads',
        ok: true,
        found: `${threads}${singleThreadBecause === undefined ? '' : ` (${singleThreadBecause})`}`,
      },
      {
        name: 'memory limit',
        ok: true,
        found: `${formatBytes(capabilities.maxTotalBytes)}, one WebAssembly memory`,
      },
    ];
  },
};

const checkCuda: Check = {
  backend: 'cuda',
  package: '@inattention/cuda',
  create: () => createCudaBackend(),
  surroundings: cudaFindings,
  findings: ({ info }) => {
    const { gpu, tf32 } = info.details;
    return [
      {
        name: 'device',
        ok: gpu === true,
        found: gpu === true ? info.device : `${info.device}: \`auto\` passes it over`,
      },
      ...(gpu === true ? [{ name: 'TF32', ok: true, found: tf32 === true ? 'on' : 'off' }] : []),
    ];
  },
};

const checkWebGpu: Check = {
  backend: 'webgpu',
  package: '@inattention/webgpu',
  create: () => createWebGpuBackend(),
  findings: ({ info }) => {
    const { software, features, maxBufferBytes, maxBindingBytes, storageBindings } = info.details;
    return [
      { name: 'adapter', ok: true, found: info.device },
      software === true
        ? {
            name: 'graphics card',
            ok: false,
            found: 'none: this adapter plays GPU on the CPU, and `auto` passes it over',
            fix: 'install the driver of your graphics card (Vulkan, Metal or Direct3D 12)',
          }
        : { name: 'graphics card', ok: true, found: 'yes' },
      { name: 'features', ok: true, found: features === '' ? 'none beyond the core' : String(features) },
      {
        name: 'limits',
        ok: true,
        found: `buffers of ${formatBytes(Number(maxBufferBytes))}, bindings of ${formatBytes(Number(maxBindingBytes))}, ${storageBindings} storage bindings`,
      },
    ];
  },
};

async function checkBackend({ create, surroundings, findings, ...name }: Check): Promise<BackendReport> {
  const around = (await surroundings?.()) ?? [];
  try {
    using backend = await create();
    const operations = new EagerOperations(backend);
    using identity = Tensor.from(backend, Float32Array.of(1, 0, 0, 1), [2, 2], 'scratch');
    using product = operations.matmul(identity, identity);
    const numbers = (await product.readFloat32()).join();
    const works = numbers === '1,0,0,1';
    const computed = { name: 'a matrix product', ok: works, found: works ? 'right' : `wrong: ${numbers}` };
    return { ...name, works, findings: [...around, ...findings(backend), computed] };
  } catch (error) {
    const message = InAttentionError.isInstance(error)
      ? [error.what, error.got].filter(Boolean).join(' ')
      : String(error);
    const fix = InAttentionError.isInstance(error) ? error.fix : undefined;
    const start = { name: 'start', ok: false, found: message, ...(fix && { fix }) };
    return { ...name, works: false, findings: [...around, start] };
  }
}

function textReport(runtime: readonly Finding[], backends: readonly BackendReport[]): string {
  const line = ({ name, ok, found, fix }: Finding) =>
    `  ${ok ? '✓' : '✗'} ${name}: ${found}${fix === undefined ? '' : `\n    to fix: ${fix}`}`;
  const sections = backends.map(({ backend, package: from, works, findings }) =>
    [`${backend} (${from}): ${works ? 'works' : 'does not work'}`, ...findings.map(line)].join('\n'),
  );
  return `${['runtime', ...runtime.map(line), ...sections].join('\n')}\n`;
}
