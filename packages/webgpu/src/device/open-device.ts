/**
 * Where the device comes from: the caller, the browser's navigator.gpu, or in Node the npm package `webgpu` (Dawn).
 * Of the adapter's limits everything is asked for that the kernels can use, unless the caller says otherwise.
 */

import { BackendUnavailableError, InvalidArgumentError } from '@inattention/core';

/** Limits that are asked for; others stay at WebGPU's defaults. */
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
] as const;

/** Features that are used where present, and never required. */
const wantedFeatures = ['timestamp-query', 'subgroups'] as const;

export type LimitName = (typeof wantedLimits)[number];

export interface OpenDeviceOptions {
  readonly device?: GPUDevice;
  readonly adapter?: GPUAdapter;
  readonly powerPreference?: GPUPowerPreference;
  readonly limits?: Partial<Record<LimitName, number>> | 'default';
}

export interface OpenDevice {
  readonly device: GPUDevice;
  /** Null for a device that the caller made where the adapter cannot be asked. */
  readonly adapterInfo: GPUAdapterInfo | null;
  /** Whether it was made here, and is to be destroyed here. */
  readonly owned: boolean;
}

/** Throws BackendUnavailableError saying what is missing. */
export async function openDevice(options: OpenDeviceOptions = {}): Promise<OpenDevice> {
  const { device, limits } = options;
  if (device !== undefined) {
    if (limits !== undefined || options.adapter !== undefined || options.powerPreference !== undefined) {
      throw new InvalidArgumentError({
        what: 'A device that exists already cannot be given limits, an adapter or a power preference.',
        fix: 'pass `device` alone, or leave it out',
      });
    }
    return { device, adapterInfo: device.adapterInfo ?? null, owned: false };
  }
  const adapter = options.adapter ?? (await requestAdapter(options.powerPreference));
  const requiredLimits: Record<string, number> = {};
  if (limits !== 'default') {
    for (const name of wantedLimits) requiredLimits[name] = limits?.[name] ?? adapter.limits[name];
  }
  const requiredFeatures = wantedFeatures.filter((name) => adapter.features.has(name));
  try {
    const made = await adapter.requestDevice({ label: 'inattention', requiredLimits, requiredFeatures });
    return { device: made, adapterInfo: made.adapterInfo ?? adapter.info, owned: true };
  } catch (error) {
    throw new BackendUnavailableError({
      what: 'The WebGPU adapter gives no device.',
      got: error instanceof Error ? error.message : String(error),
      expected: 'a device with the limits asked for',
      fix: 'ask for lower limits, or none (`limits: "default"`)',
      cause: error,
    });
  }
}

async function requestAdapter(powerPreference: GPUPowerPreference | undefined): Promise<GPUAdapter> {
  const gpu = await findGpu();
  const adapter = await gpu.requestAdapter(powerPreference === undefined ? {} : { powerPreference });
  if (adapter !== null) return adapter;
  throw new BackendUnavailableError({
    what: 'WebGPU is there, but no adapter is.',
    got: 'requestAdapter() gave null',
    expected: 'a graphics card with a driver for Vulkan, Metal or Direct3D 12, or a software adapter',
    fix: isNode()
      ? 'install a Vulkan driver and its loader (Debian: libvulkan1), or for a software adapter Chromium’s SwiftShader (Debian: chromium), and set VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json'
      : 'switch on hardware acceleration, or open chrome://gpu for why there is none',
  });
}

/** The browser's GPU object, or that of the package `webgpu` in Node. One per process: Dawn keeps adapters alive by it. */
async function findGpu(): Promise<GPU> {
  const present = globalThis.navigator?.gpu;
  if (present !== undefined) return present;
  if (!isNode()) {
    throw new BackendUnavailableError({
      what: 'This browser has no WebGPU.',
      got: globalThis.isSecureContext === false ? 'a page without https' : 'no navigator.gpu',
      expected: 'navigator.gpu',
      fix: 'use a current browser over https or localhost, or the CPU backend',
    });
  }
  nodeGpu ??= loadDawn();
  return nodeGpu;
}

let nodeGpu: Promise<GPU> | null = null;

async function loadDawn(): Promise<GPU> {
  // Not a literal: bundlers for browsers are not to look for it.
  const name = 'webgpu';
  try {
    const dawn: { create(options: string[]): GPU } = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
    return dawn.create([]);
  } catch (error) {
    nodeGpu = null;
    throw new BackendUnavailableError({
      what: 'Node has no WebGPU of its own.',
      got: error instanceof Error ? error.message : String(error),
      expected: 'the package webgpu (Dawn)',
      fix: 'npm install webgpu',
      cause: error,
    });
  }
}

function isNode(): boolean {
  const { process } = globalThis as { readonly process?: { readonly versions?: { readonly node?: string } } };
  return process?.versions?.node !== undefined;
}
