// Likes, echoes and saved posts without a reload: the form's own button, sent in the background. Without this script the form does it.
const shown = (button, answer) => {
  button.setAttribute("aria-pressed", String(answer.pressed));
  button.value = answer.next;
  const count = button.querySelector(".act-n");
  if (count) count.textContent = answer.count;
};

const send = async (form, button) => {
  const body = new FormData(form, button);
  const answer = await fetch(form.action, { method: "POST", body, keepalive: true, headers: { Accept: "application/json" } });
  const type = answer.headers.get("content-type") ?? "";
  if (!answer.ok || !type.startsWith("application/json")) throw new Error(String(answer.status));
  shown(button, await answer.json());
};

document.addEventListener("submit", (event) => {
  const form = event.target;
  const button = event.submitter;
  if (!form.matches("[data-act]") || !button?.matches("[aria-pressed]")) return;
  event.preventDefault();
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  send(form, button)
    .catch(() => {
      form.removeAttribute("data-act");
      form.requestSubmit(button);
    })
    .finally(() => { button.ariaBusy = null; });
});
