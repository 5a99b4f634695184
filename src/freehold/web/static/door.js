// The page for when there is no connection: shows where else the network can be found, as the service worker knows it.
const place = document.querySelector("[data-doors]");
const link = (to) => Object.assign(document.createElement("a"), { href: to, textContent: new URL(to).host });

const show = ({ url, doors }) => {
  if (url && new URL(url).origin !== location.origin) {
    const next = link(url);
    next.className = "btn btn-main";
    place.querySelector("[data-next]").replaceChildren(next);
    place.querySelector("[data-moved]").hidden = false;
  } else if (doors.length) {
    const rows = doors.map((door) => {
      const row = document.createElement("li");
      row.append(link(door));
      return row;
    });
    place.querySelector("[data-list]").replaceChildren(...rows);
    place.querySelector("[data-others]").hidden = false;
  }
  place.hidden = false;
};

if (place && navigator.serviceWorker?.controller) {
  fetch("/.well-known/freehold-next-door").then((answer) => answer.json()).then(show).catch(() => undefined);
}
