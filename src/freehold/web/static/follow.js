// Follow and unfollow without a reload. Without this script the form does it.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  const button = event.submitter;
  if (!form.matches("[data-follow]") || !button) return;
  event.preventDefault();
  button.disabled = true;
  const body = new FormData(form);
  body.set(button.name, button.value);
  try {
    const answer = await fetch(form.action, { method: "POST", body, keepalive: true, headers: { Accept: "application/json" } });
    if (!(answer.headers.get("content-type") ?? "").startsWith("application/json")) throw new Error("not here");
    const { pressed, next, word } = await answer.json();
    button.setAttribute("aria-pressed", String(pressed));
    button.value = next;
    button.querySelector("[data-word]").textContent = word;
    button.classList.toggle("btn-on", pressed);
    button.classList.toggle("btn-main", !pressed && form.dataset.follow === "main");
  } catch {
    location.reload();
  } finally {
    button.disabled = false;
  }
});
