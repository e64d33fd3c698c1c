/** What of CUDA is on this machine, piece by piece, for `inattention doctor`: each piece that is missing with the command. */

import {
  cacheFolder,
  findCudaLibrary,
  gpuRequirement,
  hasNvidiaDevice,
  installedBinding,
  nvidiaDriver,
} from '@inattention/cuda/setup';
import type { Finding } from './doctor.ts';

/** GPU, driver, CUDA, cuDNN, libtensorflow, binding: in the order in which one needs the next. */
export async function cudaFindings(): Promise<Finding[]> {
  const driver = await nvidiaDriver();
  const binding = installedBinding();
  const folder = binding?.libraryFolder ?? null;
  const gpu: Finding =
    driver === null
      ? {
          name: 'NVIDIA GPU',
          ok: false,
          found: hasNvidiaDevice() ? 'a device, but nvidia-smi does not answer' : 'none',
          fix: 'install the driver of your NVIDIA GPU (https://www.nvidia.com/drivers), then run nvidia-smi',
        }
      : { name: 'NVIDIA GPU', ok: true, found: driver.gpus.join(', ') };
  const rest: Finding[] = [];
  if (driver !== null) rest.push(driverFinding(driver.version));
  if (driver !== null) rest.push(library('CUDA runtime', 'libcudart', folder), library('cuDNN', 'libcudnn', folder));
  return [gpu, ...rest, libraryFinding(driver !== null), bindingFinding()];
}

/** CUDA 12 wants this driver or a newer one (its release notes, Linux). */
const oldestDriver = 525;

function driverFinding(version: string): Finding {
  const recent = Number.parseInt(version, 10) >= oldestDriver;
  return {
    name: 'driver',
    ok: recent,
    found: version,
    ...(!recent && { fix: `install driver ${oldestDriver} or newer: CUDA 12 needs it` }),
  };
}

function library(name: string, prefix: string, folder: string | null): Finding {
  const found = findCudaLibrary(prefix, folder);
  return found === null
    ? { name, ok: false, found: `no ${prefix}.so`, fix: `python3 -m pip install '${gpuRequirement}'` }
    : { name, ok: true, found };
}

function libraryFinding(gpu: boolean): Finding {
  const binding = installedBinding();
  const name = 'libtensorflow';
  if (binding === null) {
    const install = `python3 -m pip install '${gpuRequirement}', then npx inattention-cuda-setup`;
    return { name, ok: false, found: 'none that is set up', fix: gpu ? install : 'npx inattention-cuda-setup --cpu' };
  }
  const cpuOnly = binding.librarySource.includes('tensorflow-cpu');
  return {
    name,
    ok: !(gpu && cpuOnly),
    found: binding.librarySource,
    ...(gpu &&
      cpuOnly && {
        fix: `python3 -m pip install '${gpuRequirement}', then npx inattention-cuda-setup --python python3`,
      }),
  };
}

function bindingFinding(): Finding {
  const binding = installedBinding();
  return binding === null
    ? { name: 'binding', ok: false, found: `none in ${cacheFolder()}`, fix: 'npx inattention-cuda-setup' }
    : { name: 'binding', ok: true, found: `tfjs-node-gpu ${binding.bindingVersion}, ${binding.addon}` };
}
