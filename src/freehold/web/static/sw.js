// Keeps one page for when there is no connection, and the network's beacon: where it is, signed by a key that is kept
// from the first time on. Nothing that members see is ever stored here.
const KEPT = "offline-2";
const PAGE = "/offline";
const BEACON = "/.well-known/freehold-beacon";
const NEXT_DOOR = "/.well-known/freehold-next-door"; // answered here, and nowhere else
const HOUR = 3_600_000;
const PATIENCE = 5_000;
const NO_NETWORK = [421, 502, 504, 521, 522, 523, 530]; // said by something that stands before it, or in its place

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const json = (text) => JSON.parse(new TextDecoder().decode(bytes(text)));

// What a beacon says (RFC 7515, ES256), or an error: another key than the one that was kept, or one that has expired.
const read = async (signed, known) => {
  const head = json(signed.protected);
  if (head.alg !== "ES256" || head.typ !== "freehold-beacon") throw new Error("not a beacon");
  const { x, y } = known ?? head.jwk;
  const made = { kty: "EC", crv: "P-256", x, y };
  const key = await crypto.subtle.importKey("jwk", made, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
  const said = new TextEncoder().encode(`${signed.protected}.${signed.payload}`);
  const right = await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, bytes(signed.signature), said);
  const beacon = json(signed.payload);
  if (!right || Date.parse(beacon.expires) < Date.now()) throw new Error("not a beacon that counts");
  return { key: { x, y }, beacon };
};

const kept = async () => (await (await caches.open(KEPT)).match(BEACON))?.json();
const keep = async (found) =>
  (await caches.open(KEPT)).put(BEACON, Response.json({ ...found, at: Date.now() }));

// Ask a door; what it says counts if it is signed by the key of the first time, and is not older than what is known.
const ask = async (door, before) => {
  const options = { credentials: "omit", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) };
  const answer = await fetch(door + BEACON, options);
  const found = await read(await answer.json(), before?.key);
  if (before && found.beacon.number < before.beacon.number) throw new Error("older than what is known");
  return found;
};

const refresh = async () => {
  const before = await kept();
  if (before && Date.now() - before.at < HOUR) return;
  await keep(await ask("", before));
};

const nextDoor = async () => {
  let newest = await kept();
  if (!newest) return { doors: [] };
  for (const door of newest.beacon.doors) {
    try {
      newest = await ask(door, newest);
      await keep(newest);
    } catch { /* that door is silent, or not one of ours any more */ }
  }
  return { url: newest.beacon.url, doors: newest.beacon.doors };
};

const navigate = async (event) => {
  try {
    const answer = await fetch(event.request);
    if (!NO_NETWORK.includes(answer.status)) {
      event.waitUntil(refresh().catch(() => undefined));
      return answer;
    }
    return (await caches.match(PAGE)) ?? answer;
  } catch {
    return (await caches.match(PAGE)) ?? Response.error();
  }
};

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(KEPT);
    const answer = await fetch(PAGE, { credentials: "omit" });
    const html = await answer.clone().text();
    await cache.put(PAGE, answer);
    await cache.addAll([...html.matchAll(/"(\/(?:static\/[^"#]+\.(?:css|svg|js)|brand\.css)\?v=[^"#]+)/g)].map((found) => found[1]));
    await refresh().catch(() => undefined);
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name !== KEPT) await caches.delete(name);
  await self.clients.claim();
})()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate") {
    event.respondWith(navigate(event));
  } else if (new URL(request.url).pathname === NEXT_DOOR) {
    event.respondWith(nextDoor().then((found) => Response.json(found)));
  } else if (request.method === "GET" && ["style", "image", "script"].includes(request.destination)) {
    event.respondWith(fetch(request).catch(async () => (await caches.match(request)) ?? Response.error()));
  }
});
