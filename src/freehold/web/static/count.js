// Counts characters as a person sees them while they are typed. The server counts again.
const segments = Intl.Segmenter ? new Intl.Segmenter(undefined, { granularity: "grapheme" }) : null;
const language = document.documentElement.lang;
const plural = new Intl.PluralRules(language);
const length = (text) => (segments ? [...segments.segment(text)].length : [...text].length);

const show = (area) => {
  const most = Number(area.dataset.count);
  const left = most - length(area.value.trim());
  const scope = area.form;
  for (const out of scope.querySelectorAll("[data-count-left]")) {
    const { countLeft, leftOne, over, overOne } = out.dataset;
    const [one, many] = left < 0 ? [overOne, over] : [leftOne, countLeft];
    const words = plural.select(Math.abs(left)) === "one" ? one ?? many : many;
    out.textContent = words.replace("{n}", Math.abs(left).toLocaleString(language));
    out.classList.toggle("is-over", left < 0);
  }
  for (const bar of scope.querySelectorAll("[data-count-bar]")) {
    bar.value = Math.min(most, most - left);
    bar.classList.toggle("is-over", left < 0);
  }
};

const start = (root) => root.querySelectorAll("textarea[data-count]").forEach(show);
document.addEventListener("input", (event) => event.target.matches("textarea[data-count]") && show(event.target));
document.addEventListener("fresh", (event) => start(event.target));
start(document);

// Ctrl or Cmd and Enter sends
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !event.target.matches("textarea[data-count]")) return;
  event.preventDefault();
  event.target.form.requestSubmit(event.target.form.querySelector("[data-send]"));
});
