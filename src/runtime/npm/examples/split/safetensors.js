// Tensors of float32 as safetensors: the length of a header, the header as JSON, and the values, all little-endian.

/** The bytes of tensors `{ data, dims }` by name. */
export function encode(tensors) {
  const header = {};
  let end = 0;
  for (const [name, { data, dims }] of Object.entries(tensors)) {
    const offsets = [end, (end += 4 * data.length)];
    header[name] = { dtype: "F32", shape: dims, data_offsets: offsets };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + end);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  let at = 8 + text.length;
  for (const { data } of Object.values(tensors)) {
    for (const value of data) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  }
  return bytes;
}
