/** `@inattention/core/testing`: the smallest backend, for tests and as an example. Not for production. */

export { createHostBackend, type HostBackendOptions } from './host-backend.ts';
