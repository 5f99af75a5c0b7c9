// A spark line: small bars of equal width.

import { attribute, svg } from './dom.js';

const width = 3, gap = 1, height = 14;

/** @param {number} bars */
export function sparkline(bars) {
  const path = svg('path');
  const node = svg('svg', { class: 'spark', width: bars * (width + gap), height, 'aria-hidden': 'true' }, path);
  /** Shows values from 0 to top, the newest at the right. */
  const show = (values, top) => {
    let d = '';
    const first = bars - values.length;
    values.forEach((v, i) => {
      const h = Math.max(1, Math.round((Math.min(v, top) / top) * height));
      d += `M${(first + i) * (width + gap)} ${height}v${-h}h${width}v${h}z`;
    });
    attribute(path, 'd', d);
  };
  return { node, show };
}
