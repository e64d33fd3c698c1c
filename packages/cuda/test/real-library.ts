/**
 * Before the tests that run on TensorFlow: sets up the native binding (once per user; a second run finds it), and says
 * loudly which library and which device it is. Without one the run fails, with the command that helps.
 */

import { createRequire } from 'node:module';
import { setUpBinding } from '../src/setup.ts';

interface Addon {
  readonly TF_Version: string;
  isUsingGpuDevice(): boolean;
}

export async function setup(): Promise<void> {
  const say = (line: string) => process.stderr.write(`@inattention/cuda: ${line}\n`);
  const { addon, librarySource } = await setUpBinding({ onProgress: say });
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  const { TF_Version: version, isUsingGpuDevice } = createRequire(import.meta.url)(addon) as Addon;
  const device = isUsingGpuDevice() ? 'an NVIDIA GPU' : 'the CPU';
  say(`the tests run on the real TensorFlow ${version}, on ${device}; ${librarySource}`);
}
