/**
 * Lets timers, input, messages and abort signals through between pieces of long work. Backends that compute before they
 * return answer in microtasks, which give nobody else a turn. A timer of 0 ms would cost a millisecond or more (4 in
 * browsers) each time, so it is the last resort.
 */
export function yieldToEventLoop(): Promise<void> {
  const host: { readonly setTimeout: unknown; readonly setImmediate?: (done: () => void) => unknown } = globalThis;
  return new Promise((resolve) => {
    if (host.setImmediate !== undefined)
      host.setImmediate(resolve); // Node
    else if (typeof MessageChannel === 'function') afterMessage(resolve);
    else setTimeout(resolve, 0);
  });
}

function afterMessage(resolve: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    resolve();
  };
  port2.postMessage(null);
}
