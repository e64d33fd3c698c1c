/**
 * WebGPU in Node as peers look for it: `navigator.gpu` and the constants that browsers have, from the package `webgpu` (Dawn).
 * A backend of ours that was made before has an instance of its own, of the same package.
 */

/** Sets what is not there yet. Rejects as `import` does when the package is not installed. */
export async function provideGpu(): Promise<GPU> {
  const present = globalThis.navigator?.gpu;
  if (present !== undefined) return present;
  const { create, globals } = await import('webgpu');
  const gpu = create([]);
  Object.assign(globalThis, globals);
  if (globalThis.navigator === undefined) {
    Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  }
  Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true });
  return gpu;
}
