// @ts-check
// The engine's WebAssembly module, for this browser or Node: with relaxed SIMD where it is known, else with plain SIMD.

/** Whether this is Node. */
export const isNode = typeof process === "object" && Boolean(process.versions?.node);

/**
 * One of Node's own modules. Bundlers would try to resolve an `import` of it, even in code that no page reaches.
 * @type {typeof process.getBuiltinModule}
 */
export const builtin = (/** @type {string} */ name) => process.getBuiltinModule(name);

// A function of one instruction of relaxed SIMD.
const RELAXED = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11,
];

/** @type {Promise<WebAssembly.Module> | undefined} */
let compiled;

/**
 * Compiled once; after a failure the next call tries again.
 * @returns {Promise<WebAssembly.Module>}
 */
export function module() {
  compiled ??= compile().catch((error) => {
    compiled = undefined;
    throw error;
  });
  return compiled;
}

async function compile() {
  // Bundlers find both addresses as they stand here.
  const address = WebAssembly.validate(Uint8Array.from(RELAXED))
    ? new URL("./perforate_runtime_bg.wasm", import.meta.url)
    : new URL("./perforate_runtime_plain_bg.wasm", import.meta.url);
  if (isNode && address.protocol === "file:") {
    const { readFile } = builtin("node:fs/promises");
    return WebAssembly.compile(await readFile(address));
  }
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address.pathname}: the server answered ${answer.status}`);
  const streams = answer.headers.get("content-type")?.startsWith("application/wasm");
  return streams ? WebAssembly.compileStreaming(answer) : WebAssembly.compile(await answer.arrayBuffer());
}
