// @ts-check
// What the page asks of the browser beside elements: the module, the address, frames, the offline store.

const SETTLING_MS = 100;

/**
 * A file that lies beside the page, or in it where the page is one file.
 * @param {string} file
 */
export async function resource(file) {
  const address = globalThis.packed ? URL.createObjectURL(globalThis.packed[file]) : new URL(file, import.meta.url);
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${file}: the server answered ${response.status}`);
  return response;
}

/** The WebAssembly module: compiled while downloading; from bytes where the server names another media type. */
export async function compile() {
  const response = await resource(document.documentElement.dataset.module ?? "");
  const streams = response.headers.get("content-type")?.startsWith("application/wasm");
  return streams
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}

/**
 * Calls `then` when what was drawn is on the screen: layout and rasterising come after the script, on other threads too.
 * @param {() => void} then
 */
export function onScreen(then) {
  const soon = () => setTimeout(then, SETTLING_MS);
  if (document.hidden) soon();
  else requestAnimationFrame(soon);
}

/**
 * Keeps the address such that a link to it shows the same.
 * @param {[string, string][]} pairs
 */
export function remember(pairs) {
  const query = new URLSearchParams(pairs).toString().replaceAll("%2F", "/"); // allowed there, and readable
  const wanted = `?${query}${location.hash}`;
  if (wanted !== location.search + location.hash) history.replaceState(null, "", wanted);
}

/** What this device is called beside a curve: browser and system, as the browser tells them. */
export function device() {
  /** @typedef {{ brands: { brand: string }[], platform: string }} Told */
  const { userAgentData: told } = /** @type {{ userAgentData?: Told }} */ (/** @type {unknown} */ (navigator));
  const brand = told?.brands.map(({ brand }) => brand).find((brand) => !/not.?a.?brand|chromium/i.test(brand));
  const known = ["Firefox", "Edg", "Chrome", "Safari"].find((name) => navigator.userAgent.includes(name)) ?? "A browser";
  const system = told?.platform || ["Android", "iPhone", "iPad", "Mac", "Windows", "Linux"].find((name) => navigator.userAgent.includes(name)) || "another device";
  return `${brand ?? known} on ${system}`;
}

let kept = false;

/** Keeps what was loaded for a time without a network; after measuring, which it would disturb. */
export async function keepOffline() {
  if (kept || globalThis.packed || !navigator.serviceWorker) return;
  kept = true;
  try {
    await navigator.serviceWorker.register("sw.js");
    const { active } = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
    active?.postMessage({ keep: [location.pathname, ...loaded] });
  } catch {
    // Not without a network, then.
  }
}
