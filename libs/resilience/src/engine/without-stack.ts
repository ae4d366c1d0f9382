/** Makes an error of a refused call: under load there is one of these per call, and its stack says nothing that its message does not. */
export function withoutStack<E extends Error>(make: () => E): E {
  const depth = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = depth;
  }
}
