// What stands beside the list is read when the totals say that something has come, each
// at most every so many ms, and only while it can be seen.

/** @typedef {{every: number, load: () => Promise<void>, shown: () => any}} Aside */

/**
 * @param {Aside[]} asides
 * @returns {(all: boolean) => void} reads those that are due, or all
 */
export function asidesReader(asides) {
  const read = new Map(); // when each was
  return (all) => {
    for (const aside of asides) {
      if (!aside.shown() || (!all && Date.now() - (read.get(aside) ?? 0) < aside.every)) continue;
      read.set(aside, Date.now());
      aside.load().catch(() => {}); // the head says that the receiver is away
    }
  };
}
