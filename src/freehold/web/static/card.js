// Shows the card of the first link while one is still writing. Without this script the server adds it when the post is sent.
const LINK = /(?:^|\s)(https?:\/\/[^\s<>"«»“”]+)/;
let waiting;
let last = "";

const look = async (area) => {
  const place = area.form.querySelector("[data-card]");
  const link = LINK.exec(area.value)?.[1] ?? "";
  if (!place || link === last || place.dataset.card === "no") return;
  last = link;
  if (!link) return place.replaceChildren();
  const answer = await fetch(`/write/card?url=${encodeURIComponent(link)}`);
  if (!answer.ok || last !== link) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  place.replaceChildren(...page.body.childNodes);
};

document.addEventListener("input", (event) => {
  if (!event.target.matches("#compose textarea[name=text]")) return;
  clearTimeout(waiting);
  waiting = setTimeout(look, 600, event.target);
});

const written = document.querySelector("#compose textarea[name=text]");
if (written) look(written);

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-card-none]");
  if (!button) return;
  event.preventDefault();
  const place = button.closest("[data-card]");
  place.dataset.card = "no";
  const field = document.createElement("input");
  Object.assign(field, { type: "hidden", name: "card", value: "none" });
  place.replaceChildren(field);
});
