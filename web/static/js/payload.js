// The payload of a message as bytes, text and JSON.

const encoder = new TextEncoder();

/** @returns {Uint8Array} the bytes as they were published */
export function payloadBytes(m) {
  if (m.payload_base64 == null) return encoder.encode(m.payload ?? '');
  return Uint8Array.from(atob(m.payload_base64), (c) => c.charCodeAt(0));
}

/** The payload as text, or null if it is not UTF-8. */
export const payloadText = (m) => (m.payload_base64 == null ? (m.payload ?? '') : null);

/** The payload as a JSON object or array, or undefined. */
export function payloadJSON(m) {
  const s = payloadText(m);
  if (s == null || !/^\s*[[{]/.test(s)) return undefined;
  try {
    return JSON.parse(s);
  } catch {
    return undefined;
  }
}

/** The payload's size in bytes. */
export function payloadSize(m) {
  if (m.payload_base64 != null) {
    const s = m.payload_base64;
    return (s.length / 4) * 3 - (s.endsWith('==') ? 2 : s.endsWith('=') ? 1 : 0);
  }
  return encoder.encode(m.payload ?? '').length;
}

/** One line for the list: the text of a hellox message, else the payload, in hex if it is not text. */
export function summary(m) {
  if (m.text != null) return m.text.slice(0, 500);
  const s = payloadText(m);
  if (s != null) return s.slice(0, 500);
  const head = payloadBytes(m).slice(0, 24);
  return 'not text: ' + Array.from(head, hex).join(' ') + (payloadSize(m) > head.length ? ' …' : '');
}

/** Two hexadecimal digits. */
export const hex = (byte) => byte.toString(16).padStart(2, '0');

