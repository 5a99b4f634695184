// Small comforts on every page: menus close, links are shared or copied, local time is told to the server, offline page.
const closeMenus = (but) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== but) menu.open = false;
};
document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("details.menu[open]");
  closeMenus(null);
  open?.querySelector("summary").focus();
});

const tell = (words) => {
  const place = document.querySelector("#told");
  if (place) place.textContent = words;
};

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-share]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  try {
    if (navigator.share && matchMedia("(pointer: coarse)").matches) return await navigator.share({ url: link.href });
    await navigator.clipboard.writeText(link.href);
    tell(link.dataset.share);
  } catch (failed) {
    if (failed.name !== "AbortError") location.href = link.href;
  }
});

const errors = document.querySelector("#errors");
if (errors) errors.focus();

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes(`zone=${encodeURIComponent(zone)}`)) {
  document.cookie = `zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
}

if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js").catch(() => undefined);
