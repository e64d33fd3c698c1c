/** The CUDA backend. */
