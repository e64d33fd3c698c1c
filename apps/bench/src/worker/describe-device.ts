/** Looks at the adapter, the processor's backend, and which of them fits: for the device card. */

import { createCpuBackend } from '@inattention/cpu';
import type { AdapterReport, DeviceReport } from '../device-report.ts';
import { openBackend } from './backends.ts';

/** Limits that decide what fits and how fast kernels can be. */
const shownLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
] as const;

export async function describeDevice(): Promise<DeviceReport> {
  const adapter = await describeAdapter();
  const processor = await describeProcessor();
  return {
    browser: navigator.userAgent,
    cores: navigator.hardwareConcurrency,
    memory: 'deviceMemory' in navigator ? Number(navigator.deviceMemory) : null,
    isolated: crossOriginIsolated,
    ...(typeof adapter === 'string' ? { adapter: null, whyNoAdapter: adapter } : { adapter, whyNoAdapter: '' }),
    ...processor,
    chosen: await chosenBackend(),
  };
}

/** The adapter, or why there is none. */
async function describeAdapter(): Promise<AdapterReport | string> {
  if (navigator.gpu === undefined) {
    return isSecureContext ? 'this browser has no WebGPU' : 'WebGPU needs a page from https or localhost';
  }
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  if (adapter === null) return 'this browser has WebGPU, but no adapter for it';
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  return {
    ...{ vendor, architecture, device, description },
    software: isFallbackAdapter || /swiftshader|llvmpipe|software/i.test(`${architecture} ${description}`),
    features: [...adapter.features].sort(),
    limits: Object.fromEntries(shownLimits.map((name) => [name, adapter.limits[name]])),
  };
}

async function describeProcessor(): Promise<Pick<DeviceReport, 'processor' | 'threads'>> {
  try {
    using backend = await createCpuBackend();
    const { threads = 1, singleThreadBecause } = backend.info.details;
    const why = singleThreadBecause === undefined ? '' : ` (${singleThreadBecause})`;
    return { processor: `${backend.info.device}${why}`, threads: Number(threads) };
  } catch (error) {
    return { processor: error instanceof Error ? error.message : String(error), threads: 0 };
  }
}

async function chosenBackend(): Promise<DeviceReport['chosen']> {
  try {
    const { backend, reason } = await openBackend('auto');
    const { name, info } = backend;
    backend.dispose();
    return { name, device: info.device, reason };
  } catch {
    return null;
  }
}
