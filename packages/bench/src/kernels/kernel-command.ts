/** `inattention bench --kernels`: the kernel benches from the command line. Node only. */

import { InvalidArgumentError } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import type { Command } from 'commander';
import type { BenchOutput } from '../bench-output.ts';
import { environment } from '../environment.ts';
import { checkOutputs, writeWhole } from '../outputs.ts';
import { readMobyDick } from '../texts.ts';
import { tokenise } from '../tokenise.ts';
import { kernelReport } from './kernel-report.ts';
import { kernelSizes, runKernels } from './run-kernels.ts';

export interface KernelCommandOptions {
  readonly threads?: readonly number[];
  readonly rounds?: number;
  readonly out?: string;
  readonly json?: boolean;
}

const defaultRounds = 15;
/** Fewer make no median to report. */
const fewestRounds = 11;
/** Engines compile WebAssembly for speed only after some calls: more than 20 were needed. */
const warmUpCalls = 40;
/** ms of each contestant in each round. */
const turnTime = 20;

/** Measures with the sizes of the kernel benches and writes the result. */
export async function benchKernels(options: KernelCommandOptions, output: BenchOutput): Promise<void> {
  const { threads = [1], rounds = defaultRounds, out, json } = options;
  checkOutputs(options);
  if (rounds < fewestRounds) {
    throw new InvalidArgumentError({
      what: 'These are too few rounds for kernels.',
      got: String(rounds),
      expected: `${fewestRounds} or more`,
    });
  }
  const begin = performance.now();
  const result = await runKernels({
    threads,
    rounds,
    warmUpCalls,
    turnTime,
    sizes: kernelSizes,
    text: await tokenise(await readMobyDick(), Math.max(...kernelSizes.contexts)),
    environment: environment(),
    command: `inattention bench --kernels --threads ${threads.join(',')} --rounds ${rounds}`,
    signal: output.signal,
    createBackend: (count) => createCpuBackend({ threads: count }),
    onProgress: (what) => output.error(`${((performance.now() - begin) / 1000).toFixed(0)} s: ${what}\n`),
  });
  const resultJson = `${JSON.stringify(result, null, 2)}\n`;
  if (out !== undefined) {
    writeWhole(out, resultJson);
    output.error(`Wrote ${out}\n`);
  }
  output.out(json === true ? resultJson : kernelReport(result));
}

const both = ['rounds', 'out', 'json'];
const ofKernels = ['kernels', 'threads'];

/** Throws InvalidArgumentError for flags of the sweep beside `--kernels`, and of kernels without it. */
export function refuseOtherFlags(command: Command, kernels: boolean): void {
  for (const option of command.options) {
    const name = option.attributeName();
    if (command.getOptionValueSource(name) !== 'cli' || both.includes(name)) continue;
    if (ofKernels.includes(name) === kernels) continue;
    throw new InvalidArgumentError({
      what: `${option.long} is no flag of ${kernels ? 'the kernel benches' : 'the sweep'}.`,
      ...(!kernels && { fix: 'add --kernels' }),
    });
  }
}
