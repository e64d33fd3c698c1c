/** Compute pipelines and bind group layouts of one device: compiled asynchronously, once each. */

import { BackendFailedError } from '@inattention/core';
import { computeStage } from '../memory/buffer-usage.ts';

/** How a slot of a bind group is used. The params of a kernel are the first, a dynamic uniform. */
export type SlotKind = 'params' | 'read' | 'write' | 'uniform' | 'inline';

/** A pipeline that is there or on its way. */
export interface PipelineEntry {
  readonly name: string;
  readonly layout: GPUBindGroupLayout;
  /** Null while it is compiled. */
  pipeline: GPUComputePipeline | null;
  /** Resolves when it is compiled, or with why it cannot be. */
  readonly ready: Promise<BackendFailedError | null>;
}

/** Told when a pipeline was asked for and when it is there: `done` of `total` so far. */
export type CompileProgress = (progress: {
  readonly done: number;
  readonly total: number;
  readonly name: string;
}) => void;

const slotLayouts: Readonly<Record<SlotKind, GPUBufferBindingLayout>> = {
  params: { type: 'uniform', hasDynamicOffset: true },
  read: { type: 'read-only-storage' },
  write: { type: 'storage' },
  uniform: { type: 'uniform' },
  inline: { type: 'read-only-storage', hasDynamicOffset: true },
};

/** What was compiled for a device: the backends that share it share this. */
interface Compiled {
  readonly entries: Map<string, PipelineEntry>;
  readonly layouts: Map<string, GPUBindGroupLayout>;
}

const compiled = new WeakMap<GPUDevice, Compiled>();

export class Pipelines {
  readonly #device: GPUDevice;
  readonly #onProgress: CompileProgress | undefined;
  readonly #compiled: Compiled;
  #done = 0;
  #total = 0;

  constructor(device: GPUDevice, onProgress?: CompileProgress) {
    this.#device = device;
    this.#onProgress = onProgress;
    this.#compiled = compiled.get(device) ?? { entries: new Map(), layouts: new Map() };
    compiled.set(device, this.#compiled);
  }

  /** The pipeline of a key; `source` is called when it is asked for the first time. */
  get(key: string, name: string, slots: readonly SlotKind[], source: () => Promise<string>): PipelineEntry {
    const known = this.#compiled.entries.get(key);
    if (known !== undefined) return known;
    const layout = this.#layout(slots);
    const entry: PipelineEntry = { name, layout, pipeline: null, ready: this.#compile(key, name, layout, source) };
    this.#compiled.entries.set(key, entry);
    this.#total += 1;
    this.#onProgress?.({ done: this.#done, total: this.#total, name });
    return entry;
  }

  async #compile(
    key: string,
    name: string,
    layout: GPUBindGroupLayout,
    source: () => Promise<string>,
  ): Promise<BackendFailedError | null> {
    try {
      const code = await source();
      const pipeline = await this.#device.createComputePipelineAsync({
        label: name,
        layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module: this.#device.createShaderModule({ label: name, code }), entryPoint: 'main' },
      });
      const entry = this.#compiled.entries.get(key);
      if (entry !== undefined) entry.pipeline = pipeline;
      this.#done += 1;
      this.#onProgress?.({ done: this.#done, total: this.#total, name });
      return null;
    } catch (error) {
      if (error instanceof BackendFailedError) {
        this.#compiled.entries.delete(key); // asked for again, it is loaded again
        return error;
      }
      return new BackendFailedError({
        what: `The WebGPU device does not take the kernel ${key}.`,
        got: error instanceof Error ? error.message : String(error),
        fix: 'report it with the name of the device and browser (inattention doctor prints them)',
        cause: error,
      });
    }
  }

  #layout(slots: readonly SlotKind[]): GPUBindGroupLayout {
    const key = slots.join();
    let layout = this.#compiled.layouts.get(key);
    if (layout === undefined) {
      layout = this.#device.createBindGroupLayout({
        entries: slots.map((kind, binding) => ({ binding, visibility: computeStage, buffer: slotLayouts[kind] })),
      });
      this.#compiled.layouts.set(key, layout);
    }
    return layout;
  }
}
