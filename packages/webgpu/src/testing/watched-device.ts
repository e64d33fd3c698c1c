/** For tests: a device that counts its buffers and submissions, and can be made to have no memory for large ones. */

export interface DeviceWatch {
  /** Bytes of the GPUBuffers that were created and not destroyed. */
  readonly liveBytes: number;
  /** GPUBuffers created. */
  readonly created: number;
  /** Calls of queue.submit. */
  readonly submissions: number;
  /** From now on a buffer of `bytes` or more is answered with an out-of-memory error of the device. */
  refuseFrom(bytes: number): void;
}

/** Counts what is done with `device` from now on. */
export function watchDevice(device: GPUDevice): DeviceWatch {
  const watch = { liveBytes: 0, created: 0, submissions: 0, refuseFrom };
  let refused = Number.POSITIVE_INFINITY;
  function refuseFrom(bytes: number): void {
    refused = bytes;
  }
  let refusing = false;
  const createBuffer = device.createBuffer.bind(device);
  const popErrorScope = device.popErrorScope.bind(device);
  const submit = device.queue.submit.bind(device.queue);
  device.createBuffer = (descriptor) => {
    refusing ||= descriptor.size >= refused;
    const buffer = createBuffer(refusing ? { ...descriptor, size: 256 } : descriptor);
    const destroy = buffer.destroy.bind(buffer);
    watch.created += 1;
    watch.liveBytes += descriptor.size;
    let live = true;
    buffer.destroy = () => {
      if (live) watch.liveBytes -= descriptor.size;
      live = false;
      destroy();
    };
    return buffer;
  };
  device.popErrorScope = async () => {
    const refuses = refusing;
    refusing = false;
    const error = await popErrorScope();
    return refuses ? ({ message: 'made to have no memory' } satisfies Pick<GPUError, 'message'> as GPUError) : error;
  };
  device.queue.submit = (commands) => {
    watch.submissions += 1;
    return submit(commands);
  };
  return watch;
}
