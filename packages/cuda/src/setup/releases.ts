/**
 * What the set-up builds from, pinned: versions and checksums. The binding is the source in the npm package of
 * tfjs-node-gpu, unpatched; the headers of Node-API come from npm too, so that nothing is fetched from elsewhere.
 */

/** An npm package, by its registry's own checksum. */
export interface NpmRelease {
  readonly name: string;
  readonly version: string;
  /** Subresource integrity: sha512 of the tarball. */
  readonly integrity: string;
}

export const bindingRelease: NpmRelease = {
  name: '@tensorflow/tfjs-node-gpu',
  version: '4.22.0',
  integrity: 'sha512-p//NN6DGiN4hInUmIkRffaFVMcdTREUMjPyjW04J7OXvB2zBlQimj61eFKSgRrH3f5TnOfKzb0n56he/B6a4bw==',
};

export const headersRelease: NpmRelease = {
  name: 'node-api-headers',
  version: '1.9.0',
  integrity: 'sha512-2oNILP4jXwRB4ywnYKjVk1YyJ96n2D4EOVJO6S3oYZ5PtbJrw3Yt9TpAuX3nBLMuzn74rnfGQrv13pS9vC+YiA==',
};

/** The wheel that has libtensorflow for the CPU: Linux on x64. */
export const cpuWheel = {
  name: 'tensorflow-cpu',
  version: '2.21.0',
  python: '3.11',
  platform: 'manylinux_2_27_x86_64',
  sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
  megabytes: 274,
} as const;

/** What a machine with an NVIDIA GPU needs: CUDA 12 and cuDNN 9 come with it as wheels. */
export const gpuRequirement = 'tensorflow[and-cuda]==2.21.0';

/** The library and the one it depends on, as the wheels of TensorFlow name them. */
export const libraryNames = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const;
