// The payload of a message as bytes, text and JSON.

import { clean } from './clean.js';
import { place } from './jsonscan.js';
import { linesOf, looksLikeJSON, oneLine } from './jsontext.js';

const encoder = new TextEncoder();

/** @returns {Uint8Array} the bytes as they were published */
export function payloadBytes(m) {
  if (m.payload_base64 == null) return encoder.encode(m.payload ?? '');
  const s = atob(m.payload_base64), bytes = new Uint8Array(s.length);
  for (let i = 0; i < s.length; i++) bytes[i] = s.charCodeAt(i);
  return bytes;
}

/** The payload as text, or null if it is not UTF-8. */
export const payloadText = (m) => (m.payload_base64 == null ? (m.payload ?? '') : null);

/** Whether the payload may hold another one, which the server can decode. */
export const mayBeEncoded = (m) => m.payload_base64 != null || m.topic.split('/').includes('spBv1.0');

/**
 * The payload as indented JSON.
 * @returns {{text: string}|{problem: string}} or why it is not JSON
 */
export function payloadJSON(m) {
  const { lines, problem } = payloadLines(m);
  return problem == null ? { text: lines.map((line) => line.text).join('\n') } : { problem };
}

/**
 * The lines of the payload as indented JSON, as linesOf returns them.
 * @param {object} m @param {{lines: number, characters: number}} [most]
 * @returns {ReturnType<typeof linesOf>}
 */
export function payloadLines(m, most) {
  const s = payloadText(m);
  if (s != null) return linesOf(s, most);
  const bytes = payloadBytes(m), at = firstInvalid(bytes);
  const before = decoder.decode(bytes.subarray(0, at));
  return { problem: `${place(before, before.length)}: the byte ${hex(bytes[at] ?? 0)} is not UTF-8` };
}

/** Whether the payload may be meant as JSON. */
export const meantAsJSON = (m) => looksLikeJSON(payloadText(m) ?? decoder.decode(payloadBytes({ payload_base64: m.payload_base64.slice(0, 136) }).subarray(0, 101)));

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The place of the first byte that is not UTF-8. */
function firstInvalid(bytes) {
  const strict = new TextDecoder('utf-8', { fatal: true });
  for (let at = 0; at < bytes.length; at++) {
    const lead = bytes[at];
    if (lead < 0x80) continue;
    const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    try {
      strict.decode(bytes.subarray(at, at + length));
    } catch {
      return at;
    }
    at += length - 1;
  }
  return bytes.length;
}

/** The payload's size in bytes. */
export function payloadSize(m) {
  if (m.payload_base64 != null) {
    const s = m.payload_base64;
    return (s.length / 4) * 3 - (s.endsWith('==') ? 2 : s.endsWith('=') ? 1 : 0);
  }
  return encoder.encode(m.payload ?? '').length;
}

const most = 2000; // of a payload that the list shows

/** One line for the list, safe to show: the text of a hellox message, else the payload, in hex if it is not text. */
export function summary(m) {
  if (m.text != null) return clean(m.text.slice(0, most));
  const s = payloadText(m);
  if (s === '') return '(empty)';
  if (s != null) return oneLine(s.slice(0, most));
  const head = payloadBytes(m).slice(0, 24);
  return 'not text: ' + Array.from(head, hex).join(' ') + (payloadSize(m) > head.length ? ' …' : '');
}

/** Two hexadecimal digits. */
export const hex = (byte) => byte.toString(16).padStart(2, '0');

