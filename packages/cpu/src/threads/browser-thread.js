/**
 * A kernel thread in a browser: an instance of the kernels over the shared memory, in a worker. Plain JavaScript, so that
 * `new Worker(new URL(…))` names the same file in the sources and in what is published.
 */

self.onmessage = async ({ data: { module, memory, number } }) => {
  const instance = await WebAssembly.instantiate(module, { env: { memory, abort: () => undefined } });
  self.postMessage('ready');
  instance.exports.threadMain(number);
  self.close();
};
