/**
 * Runs work for one value at a time. Of the values that come meanwhile only the
 * newest counts: what is dragged asks for where it is, not for where it was.
 * @param {(value: any) => Promise<void>} work
 */
export function latest(work) {
  let next = null, running = false;
  return async (value) => {
    next = { value };
    if (running) return;
    running = true;
    try {
      while (next) {
        const { value: newest } = next;
        next = null;
        await work(newest);
      }
    } finally {
      running = false;
    }
  };
}
