/// <reference types="@webgpu/types" preserve="true" />
/** `@inattention/webgpu`: the WebGPU backend, for browsers and for Node (with the package `webgpu`). */

export type { WorkRate } from './device/dispatch-bounds.ts';
export { type LimitName, type OpenDevice, type OpenDeviceOptions, openDevice } from './device/open-device.ts';
export type { Traffic } from './execution/commands.ts';
export type { CompileProgress } from './execution/pipelines.ts';
export { formatProfile, type TraceEvent, traceOf } from './profile/format-profile.ts';
export type { DispatchProfile, KernelProfile, Profile } from './profile/profile.ts';
export { createWebGpuBackend, type WebGpuBackend, type WebGpuBackendOptions } from './webgpu-backend.ts';
