// A hex dump: offset, eight bytes, and their ASCII text.

import { hex } from './payload.js';

/** @param {Uint8Array} bytes @returns {string} */
export function hexdump(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 8) {
    const part = Array.from(bytes.subarray(at, at + 8));
    const codes = part.map(hex).join(' ').padEnd(23);
    const letters = part.map((b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : '·')).join('');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${codes}  ${letters}`);
  }
  return lines.join('\n');
}
