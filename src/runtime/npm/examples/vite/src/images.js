/** The images of images.json as the model reads them: one row of 28 × 28 pixels from 0 to 1 each. */
export function decode({ classes, labels, pixels }) {
  const bytes = Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));
  const scaled = Float32Array.from(bytes, (byte) => byte / 255);
  return {
    count: labels.length,
    pixels: scaled,
    row: (row) => scaled.subarray(row * 784, (row + 1) * 784),
    /** The class with the largest of a row's logits. */
    best(logits, row) {
      const own = logits.subarray(row * classes.length, (row + 1) * classes.length);
      return classes[own.indexOf(Math.max(...own))];
    },
  };
}
