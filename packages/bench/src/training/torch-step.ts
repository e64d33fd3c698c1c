/**
 * The step of the same model in PyTorch: a Python program that takes one step for every line it is sent
 * (scripts/torch-training-step.py). Node only.
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { BackendUnavailableError } from '@inattention/core';
import { randomWeights } from '@inattention/model';
import type { StepContestant } from './step-contestant.ts';
import { optimizerSettings, type StepTask, windowDeviation } from './training-shape.ts';

const script = fileURLToPath(new URL('../../scripts/torch-training-step.py', import.meta.url));

/** Pythons that may have it: a distribution's package belongs to the one in /usr/bin. */
const pythons = ['python3', '/usr/bin/python3'];

/** Starts PyTorch on so many threads with the task's weights. Throws BackendUnavailableError where there is none. */
export async function torchStep(
  task: StepTask,
  threads: number,
): Promise<StepContestant & { readonly version: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'inattention-torch-'));
  try {
    writeTask(folder, task);
    for (const python of pythons) {
      const started = await start(python, folder, threads);
      if (started === null) continue;
      return {
        name: 'PyTorch',
        version: started.version,
        kind: 'peer',
        window: task.config.initialStateWindow,
        threads,
        inProcess: false,
        note: 'in a program of its own, timed by itself; gathers embeddings',
        step: started.step,
        dispose: started.end,
      };
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  throw new BackendUnavailableError({
    what: 'PyTorch is not installed for python3.',
    fix: 'to measure it, install it: apt-get install python3-torch, or pip install torch',
  });
}

function writeTask(folder: string, { config, seed, texts }: StepTask): void {
  const tensors: { name: string; shape: readonly number[]; offset: number }[] = [];
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const { name, shape, data } of randomWeights(config, { seed, windowDeviation })) {
    tensors.push({ name, shape, offset });
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.length;
  }
  const task = { config, optimizer: optimizerSettings, texts: texts.map((ids) => [...ids]), tensors };
  writeFileSync(join(folder, 'task.json'), JSON.stringify(task));
  writeFileSync(join(folder, 'weights.bin'), Buffer.concat(parts));
}

interface Started {
  readonly version: string;
  step(): Promise<{ readonly loss: number; readonly ms: number }>;
  end(): void;
}

/** Null where this Python, or its PyTorch, is not there: it ends before its first line. */
async function start(python: string, folder: string, threads: number): Promise<Started | null> {
  const program = spawn(python, [script, folder, String(threads)], { stdio: ['pipe', 'pipe', 'ignore'] });
  const failed = new Promise<null>((resolve) => program.once('error', () => resolve(null)));
  const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
  const first = await Promise.race([lines.next(), failed]);
  if (first === null || first.done === true) return null;
  const { version } = JSON.parse(first.value) as { readonly version: string };
  return { version, step: () => stepOf(program, lines), end: () => program.stdin.end() };
}

async function stepOf(program: ChildProcessByStdio<Writable, Readable, null>, lines: AsyncIterator<string>) {
  if (!program.stdin.write('\n')) await once(program.stdin, 'drain');
  const line = await lines.next();
  if (line.done === true) throw new BackendUnavailableError({ what: 'PyTorch ended in the middle of the bench.' });
  return JSON.parse(line.value) as { readonly loss: number; readonly ms: number };
}
