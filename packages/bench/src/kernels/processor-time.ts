/** How long processors have worked for this program, where a runtime tells: Node does, browsers do not. */

/** Milliseconds so far, all threads together; null where it is not told. */
export function processorTime(): number | null {
  if (typeof globalThis.process?.cpuUsage !== 'function') return null;
  const { user, system } = globalThis.process.cpuUsage();
  return (user + system) / 1000;
}
