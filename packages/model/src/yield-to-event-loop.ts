/** Lets timers, input and abort signals through between pieces of long synchronous work. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
