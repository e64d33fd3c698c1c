#!/usr/bin/env node
/** `inattention-cuda-setup`: builds the native binding that the CUDA backend runs on, and says what it built. */

import { parseArgs } from 'node:util';
import { InAttentionError } from '@inattention/core';
import { type SetUpOptions, setUpBinding } from './set-up-binding.ts';

const usage = `Usage: inattention-cuda-setup [options]

Builds the native binding of @tensorflow/tfjs-node-gpu against TensorFlow's library, once per user.

  --python PROGRAM        take the TensorFlow of this Python (default with an NVIDIA driver: python3)
  --libtensorflow FOLDER  take the TensorFlow in this folder
  --cpu                   take tensorflow-cpu from PyPI (274 MB; default without an NVIDIA driver)
  --force                 build again what is there
  --json                  print the result as JSON

Exit status: 0 done or already there, 1 failed, 2 bad usage.
`;

function readFlags() {
  return parseArgs({
    options: {
      python: { type: 'string' },
      libtensorflow: { type: 'string' },
      cpu: { type: 'boolean' },
      force: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  }).values;
}

function libraryOf({ python, libtensorflow, cpu }: ReturnType<typeof readFlags>): SetUpOptions['library'] {
  if (libtensorflow !== undefined) return { folder: libtensorflow };
  if (cpu) return 'cpu';
  return python === undefined ? 'auto' : 'python';
}

async function main(): Promise<number> {
  let flags: ReturnType<typeof readFlags>;
  try {
    flags = readFlags();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
  if (flags.help) {
    process.stdout.write(usage);
    return 0;
  }
  try {
    const manifest = await setUpBinding({
      library: libraryOf(flags) ?? 'auto',
      ...(flags.python !== undefined && { python: flags.python }),
      force: flags.force === true,
      onProgress: (line) => process.stderr.write(`inattention-cuda-setup: ${line}\n`),
    });
    const { addon, librarySource } = manifest;
    process.stdout.write(flags.json ? `${JSON.stringify(manifest)}\n` : `ready: ${addon}\n  on ${librarySource}\n`);
    return 0;
  } catch (error) {
    if (!InAttentionError.isInstance(error)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

process.exitCode = await main();
