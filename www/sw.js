// @ts-check
// Works offline once loaded: what the network gives is kept, and what was kept is given when it does not
// answer. The network comes first, so that a new build is never hidden by an old one.

const KEPT = "perforate";

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));

// What the page had loaded before this worker was there.
worker.addEventListener("message", (event) => {
  /** @param {string} url */
  const keep = async (url) => {
    const response = await fetch(url);
    if (response.ok) await (await caches.open(KEPT)).put(url, response);
  };
  event.waitUntil(Promise.allSettled((event.data.keep ?? []).map(keep)));
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  event.respondWith(
    fetch(request)
      .then(async (response) => {
        if (response.ok) {
          const copy = response.clone();
          event.waitUntil(caches.open(KEPT).then((cache) => cache.put(request, copy)));
        }
        return response;
      })
      .catch(async (error) => {
        const kept = await caches.match(request, { ignoreSearch: request.mode === "navigate" });
        if (kept) return kept;
        throw error;
      }),
  );
});
