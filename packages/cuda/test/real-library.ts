/**
 * Before the tests that run on TensorFlow: sets up the native binding (once per user; a second run finds it), and says
 * loudly which library and which device it is. Where none can be had it says that as loudly, and the conformance suite
 * runs through the same code on tfjs-core; tests of the binding itself fail there.
 */

import { createRequire } from 'node:module';
import { hasNvidiaDevice, setUpBinding } from '../src/setup.ts';

interface Addon {
  readonly TF_Version: string;
  isUsingGpuDevice(): boolean;
}

export async function setup(): Promise<void> {
  const say = (line: string) => process.stderr.write(`@inattention/cuda: ${line}\n`);
  let manifest: Awaited<ReturnType<typeof setUpBinding>>;
  try {
    manifest = await setUpBinding({ onProgress: say }).catch((error: unknown) => {
      if (!hasNvidiaDevice()) throw error;
      say('THERE IS AN NVIDIA GPU, BUT NO TENSORFLOW FOR IT. The tests run on the CPU.');
      say(error instanceof Error ? error.message : String(error));
      return setUpBinding({ library: 'cpu', onProgress: say });
    });
  } catch (error) {
    say('NO REAL TENSORFLOW COULD BE SET UP. The conformance suite runs on tfjs-core instead, which proves less.');
    say(error instanceof Error ? error.message : String(error));
    process.env.INATTENTION_STAND_IN = '1';
    return;
  }
  const { addon, librarySource } = manifest;
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  const { TF_Version: version, isUsingGpuDevice } = createRequire(import.meta.url)(addon) as Addon;
  const device = isUsingGpuDevice() ? 'an NVIDIA GPU' : 'the CPU';
  say(`the tests run on the real TensorFlow ${version}, on ${device}; ${librarySource}`);
}
