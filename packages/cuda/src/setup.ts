/** Setting up the native binding, and looking at what is there. */

export { type BindingManifest, cacheFolder, installedBinding } from './setup/cache-folder.ts';
export { findCudaLibrary, hasNvidiaDevice, type NvidiaDriver, nvidiaDriver } from './setup/nvidia.ts';
export { gpuRequirement } from './setup/releases.ts';
export { type SetUpOptions, setUpBinding } from './setup/set-up-binding.ts';
