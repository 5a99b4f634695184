// Does the piece of work that joining takes while the form is filled in, shows how far it is, and lets the form wait.
const PARTS = 16;
const PART_BITS = 4;
const place = document.querySelector("[data-work]");

if (place && window.Worker) {
  const { work, worker, busy, ready, wait } = place.dataset;
  const [form, proof, bar, words] = [place.closest("form"), ...["input", "progress", "[role=status]"].map((s) => place.querySelector(s))];
  const [bits, , seed] = work.split(".");
  const numbers = [];
  let wanted = null;
  document.querySelector("[data-without]").remove();
  place.hidden = false;
  words.textContent = busy;
  const doing = new Worker(worker);
  doing.onmessage = ({ data: { n } }) => {
    numbers.push(n);
    bar.value = numbers.length;
    if (numbers.length < PARTS) return;
    proof.value = `${work}:${numbers.join(",")}`;
    words.textContent = ready;
    doing.terminate();
    if (wanted) form.requestSubmit(wanted === true ? undefined : wanted);
  };
  doing.postMessage({ seed, bits: Number(bits) - PART_BITS, parts: PARTS });
  form.addEventListener("submit", (event) => {
    if (proof.value || form.elements.invite?.value.trim()) return;
    event.preventDefault();
    wanted = event.submitter ?? true;
    words.textContent = wait;
  });
}
