/** What the worker tells the page, beside answers to its calls: that a device was lost and which one took its place. */

export interface BackendReplaced {
  readonly kind: 'backend-replaced';
  readonly backend: string;
  readonly device: string;
}

export function isBackendReplaced(message: unknown): message is BackendReplaced {
  return typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'backend-replaced';
}
