// Passkeys: asks the browser, puts its answer into the form and sends that. A form is shown where the browser has passkeys.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""))
  .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const readable = (options) => {
  const ids = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));
  const read = { ...options, challenge: bytes(options.challenge) };
  if (options.user) read.user = { ...options.user, id: bytes(options.user.id) };
  if (options.excludeCredentials) read.excludeCredentials = ids(options.excludeCredentials);
  if (options.allowCredentials) read.allowCredentials = ids(options.allowCredentials);
  return read;
};

const written = (credential) => {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  const id = text(credential.rawId);
  return JSON.stringify({ id, rawId: id, type: credential.type, response, clientExtensionResults: {} });
};

const ask = async (form) => {
  if (form.dataset.passkey === "make") {
    return navigator.credentials.create({ publicKey: readable(JSON.parse(form.dataset.options)) });
  }
  const question = await (await fetch(form.dataset.question, { headers: { Accept: "application/json" } })).json();
  form.elements.ticket.value = question.ticket;
  return navigator.credentials.get({ publicKey: readable(question.options) });
};

const able = Boolean(window.PublicKeyCredential && navigator.credentials);
for (const none of document.querySelectorAll("[data-passkey-none]")) none.hidden = able;
for (const form of able ? document.querySelectorAll("form[data-passkey]") : []) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const told = form.querySelector("[data-told]");
    told.textContent = "";
    try {
      form.elements.answer.value = written(await ask(form));
      form.submit();
    } catch {
      told.textContent = told.dataset.cancelled;
    }
  });
}
