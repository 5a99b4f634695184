// Keeps one page for when there is no connection. Nothing that members see is ever stored here.
const KEPT = "offline-1";
const PAGE = "/offline";

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(KEPT);
    const answer = await fetch(PAGE, { credentials: "omit" });
    const html = await answer.clone().text();
    await cache.put(PAGE, answer);
    await cache.addAll([...html.matchAll(/"(\/(?:static\/[^"#]+\.(?:css|svg)|brand\.css)\?v=[^"#]+)/g)].map((found) => found[1]));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => caches.match(PAGE)));
  } else if (request.method === "GET" && ["style", "image"].includes(request.destination)) {
    event.respondWith(fetch(request).catch(async () => (await caches.match(request)) ?? Response.error()));
  }
});
