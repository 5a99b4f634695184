// Chosen pictures are added at once and, when they are too large, made smaller here. Without this script the form's own
// button adds them, and the server says when one is too large.
const EDGE = 2000;

const smaller = async (file, most) => {
  if (file.size <= most || file.type === "image/gif") return file;
  const drawn = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, EDGE / Math.max(drawn.width, drawn.height));
  const canvas = new OffscreenCanvas(Math.round(drawn.width * scale), Math.round(drawn.height * scale));
  canvas.getContext("2d").drawImage(drawn, 0, 0, canvas.width, canvas.height);
  for (const quality of [0.9, 0.8, 0.65, 0.5]) {
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
    if (blob.size <= most) return new File([blob], "picture.jpg", { type: "image/jpeg" });
  }
  return file;
};

const shrink = async (input) => {
  const files = new DataTransfer();
  for (const file of input.files) files.items.add(await smaller(file, Number(input.dataset.most)).catch(() => file));
  input.files = files.files;
};

const add = async (form, button) => {
  const answer = await fetch(form.action, { method: "POST", body: new FormData(form, button) });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("#compose");
  if (!fresh) return form.requestSubmit(button);
  const now = document.querySelector("#compose");
  const typed = now.querySelector("textarea[name=text]").value;
  now.replaceWith(document.adoptNode(fresh));
  fresh.querySelector("textarea[name=text]").value = typed;
  fresh.dispatchEvent(new Event("fresh", { bubbles: true }));
  ([...fresh.querySelectorAll(".attach textarea")].at(-1) ?? fresh.querySelector("textarea")).focus();
};

// what is chosen is added at once: the button is for readers without this script
const quiet = (root) => root.querySelectorAll("button[data-add-pictures]").forEach((button) => { button.hidden = true; });
document.addEventListener("fresh", (event) => quiet(event.target));
quiet(document);

document.addEventListener("change", async (event) => {
  const input = event.target;
  if (!input.matches("input[type=file][data-most]") || !input.files.length) return;
  await shrink(input);
  const button = input.form.querySelector("button[data-add-pictures]");
  if (button) await add(input.form, button);
});
