// Exact arithmetic on numbers as JSON writes them.

const decimal = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
const most = 500; // digits: a difference beyond is not told

/** @returns {{value: bigint, exponent: number}|null} value · 10^exponent */
function parse(s) {
  const m = s.length <= most ? decimal.exec(s) : null;
  if (!m) return null;
  const [, sign, whole, fraction = '', exponent = '0'] = m;
  const e = Number(exponent) - fraction.length;
  return Math.abs(e) <= most ? { value: BigInt(sign + whole + fraction), exponent: e } : null;
}

/**
 * b − a, exactly, without superfluous zeros.
 * @param {string} a @param {string} b
 * @returns {string|null} null if one is no number, or it takes too many digits
 */
export function difference(a, b) {
  const x = parse(a), y = parse(b);
  if (!x || !y) return null;
  const exponent = Math.min(x.exponent, y.exponent);
  const scaled = (n) => n.value * 10n ** BigInt(n.exponent - exponent);
  const d = scaled(y) - scaled(x);
  const digits = String(d < 0n ? -d : d).padStart(Math.max(1 - exponent, 1), '0');
  const point = digits.length + Math.min(exponent, 0);
  const fraction = digits.slice(point).replace(/0+$/, '');
  return (d < 0n ? '-' : '') + digits.slice(0, point) + (d === 0n ? '' : '0'.repeat(Math.max(exponent, 0))) + (fraction && '.' + fraction);
}
