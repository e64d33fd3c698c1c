/** The kernels' exports. Memory is imported; allocation is the host's. */

export { adamw } from './adamw';
export { attend, attendScratchWords } from './attend';
export { attendEach, attendEachScratchWords } from './decode-each';
export { decodes } from './decode';
export { attendWeights, weightsScratchWords } from './attend-weights';
export { attendBackward, attendBackwardScratchWords } from './attend-backward';
export { crossEntropy, crossEntropyBackward } from './cross-entropy';
export {
  add,
  affine,
  copyBytes,
  divide,
  exp,
  fill,
  floatToHalf,
  halfToFloat,
  intToFloat,
  log,
  multiply,
  sigmoid,
  sqrt,
  subtract,
} from './elementwise';
export { matmul, matmulScratchBytes } from './matmul';
export { matmulBlocks, matmulBlocksScratchBytes } from './matmul-blocks';
export { copyBlock, permute } from './movement';
export { maximum, sum } from './reduce';
export { rmsNorm, rmsNormBackward } from './rms-norm';
export { rope } from './rope';
export { gatherRows, scatterAddRows } from './rows';
export { setThreads, stopThreads, threadMain } from './threads';
export { swiglu, swigluBackward } from './swiglu';
