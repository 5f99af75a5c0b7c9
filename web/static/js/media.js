// What the screen is like.

/** A screen that is touched: rows and letters are larger, and there may be no keyboard. */
export const touch = matchMedia('(pointer: coarse)');

/** A telephone, as in narrow.css. */
export const tiny = matchMedia('(max-width: 559px)');
