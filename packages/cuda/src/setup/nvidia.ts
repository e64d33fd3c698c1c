/** What of CUDA a machine has, without loading native code: driver and GPUs from nvidia-smi, libraries beside TensorFlow. */

import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export interface NvidiaDriver {
  readonly version: string;
  /** Names of the GPUs. */
  readonly gpus: readonly string[];
}

/** The driver and the GPUs it knows; null where nvidia-smi is missing or finds none. */
export async function nvidiaDriver(): Promise<NvidiaDriver | null> {
  try {
    const args = ['--query-gpu=name,driver_version', '--format=csv,noheader'];
    const { stdout } = await promisify(execFile)('nvidia-smi', args, { timeout: 20_000 });
    const rows = stdout
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((row) => row.split(',').map((cell) => cell.trim()));
    const [first] = rows;
    return first === undefined ? null : { gpus: rows.map(([name = '']) => name), version: first[1] ?? 'unknown' };
  } catch {
    return null;
  }
}

/** Whether the machine has a driver of NVIDIA's at all: its device file, or that of WSL. Asked before anything is loaded. */
export function hasNvidiaDevice(): boolean {
  return ['/dev/nvidiactl', '/dev/dxg', '/dev/nvhost-ctrl-gpu'].some((device) => existsSync(device));
}

/**
 * The file of a CUDA library (`libcudart.so.12`, `libcudnn.so.9`) that a GPU wheel of TensorFlow would find: in the
 * wheels of NVIDIA beside it, or in the system's folders. Null when it is in neither.
 */
export function findCudaLibrary(prefix: string, tensorflowFolder: string | null): string | null {
  const folders: string[] = [];
  if (tensorflowFolder !== null) {
    const wheels = join(dirname(tensorflowFolder), 'nvidia');
    if (existsSync(wheels)) folders.push(...readdirSync(wheels).map((name) => join(wheels, name, 'lib')));
  }
  const { LD_LIBRARY_PATH: path = '' } = process.env;
  folders.push(...path.split(':').filter(Boolean), '/usr/local/cuda/lib64', '/usr/lib/x86_64-linux-gnu', '/usr/lib64');
  for (const folder of folders.filter((name) => existsSync(name))) {
    const found = readdirSync(folder).find((name) => name.startsWith(`${prefix}.so`));
    if (found !== undefined) return join(folder, found);
  }
  return null;
}
