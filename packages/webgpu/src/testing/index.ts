/** `@inattention/webgpu/testing`: a device whose buffers and submissions are counted, for tests of leaks and of failures. */

export { type DeviceWatch, watchDevice } from './watched-device.ts';
