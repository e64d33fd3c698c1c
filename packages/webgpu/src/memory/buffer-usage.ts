/**
 * What GPUBuffers are used for, as the numbers the specification fixes (https://gpuweb.github.io/gpuweb/#buffer-usage):
 * a device may be handed in where the global GPUBufferUsage does not exist.
 */

const mapRead = 0x1;
const copySource = 0x4;
const copyTarget = 0x8;
const uniform = 0x40;
const storage = 0x80;
const queryResolve = 0x200;

/** Tensors: read and written by kernels, copied both ways; small ones may be bound as uniforms. */
export const storageUsage = storage | uniform | copySource | copyTarget;

/** Parameters and other data of dispatches, written by the host. */
export const parameterUsage = storage | uniform | copySource | copyTarget;

/** Where the host reads from. */
export const readbackUsage = mapRead | copyTarget;

/** Where timestamps arrive. */
export const queryUsage = queryResolve | copySource;

/** GPUMapMode.READ. */
export const mapModeRead = 0x1;

/** GPUShaderStage.COMPUTE. */
export const computeStage = 0x4;
