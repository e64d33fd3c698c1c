/** `inattention doctor`: what each backend finds on this machine, and how to fix what it misses. */

import { cpus, totalmem } from 'node:os';
import { formatBytes } from '@inattention/bench';
import { EagerOperations, InAttentionError, Tensor } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { Command } from 'commander';
import type { Terminal } from '../terminal.ts';

interface Finding {
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

/** (module (func (result v128) relaxed_madd …)): valid where relaxed SIMD is on. */
const relaxedSimdProbe = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 15, 65, 0, 253, 15, 65,
  0, 253, 15, 253, 133, 2, 11,
]);

export function doctorCommand(terminal: Terminal): Command {
  return new Command('doctor')
    .description('Show what each backend finds on this machine, and how to fix what it misses')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText('after', '\nExit status: 0 when a backend works, 1 when none does.')
    .action((flags: { readonly json?: boolean }) => run(flags.json === true, terminal));
}

async function run(json: boolean, terminal: Terminal): Promise<void> {
  const runtime = checkRuntime();
  const backends = [await checkCpu()];
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

async function checkCpu(): Promise<BackendReport> {
  const name = { backend: 'cpu', package: '@inattention/cpu' };
  try {
    const backend = await createCpuBackend();
    const operations = new EagerOperations(backend);
    const identity = Tensor.from(backend, Float32Array.of(1, 0, 0, 1), [2, 2], 'scratch');
    const product = await operations.matmul(identity, identity).readFloat32();
    const works = product.join() === '1,0,0,1';
    backend.dispose();
    return {
      ...name,
      works,
      findings: [
        { name: 'WebAssembly SIMD', ok: true, found: 'yes' },
        { name: 'a matrix product', ok: works, found: works ? 'right' : `wrong: ${product.join(', ')}` },
        {
          name: 'relaxed SIMD',
          ok: true,
          found: WebAssembly.validate(relaxedSimdProbe) ? 'yes (not used by this version)' : 'no (not needed)',
        },
        { name: 'threads', ok: true, found: '1 (this version uses one)' },
        {
          name: 'memory limit',
          ok: true,
          found: `${formatBytes(backend.capabilities.maxTotalBytes)}, one WebAssembly memory`,
        },
      ],
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const fix = InAttentionError.isInstance(error) ? error.fix : undefined;
    return { ...name, works: false, findings: [{ name: 'start', ok: false, found: message, ...(fix && { fix }) }] };
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
