// While the network is under siege: does the piece of work that the door sets, brings it, and asks for the page again.
const PARTS = 16;
const PART_BITS = 4;
const AGAIN = 5_000;
const place = document.querySelector("[data-work-for-pass]");
const ask = async (query) => (await fetch(`/knock${query}`)).json();
const on = () => (location.pathname === "/busy" ? location.replace("/") : location.reload());

const solved = (seed, bits) => new Promise((resolve, reject) => {
  const numbers = [];
  const doing = new Worker(place.dataset.worker);
  doing.onerror = reject;
  doing.onmessage = ({ data: { n } }) => {
    numbers.push(n);
    place.querySelector("progress").value = numbers.length;
    if (numbers.length === PARTS) resolve(numbers.join(","));
  };
  doing.postMessage({ seed, bits: bits - PART_BITS, parts: PARTS });
});

const earn = async () => {
  const { work } = await ask("");
  place.hidden = false;
  document.querySelector("[data-without]").hidden = true;
  const [bits, , seed] = work.split(".");
  const { pass } = await ask(`?proof=${encodeURIComponent(`${work}:${await solved(seed, Number(bits))}`)}`);
  if (!pass) throw new Error("not taken");
  place.querySelector("[role=status]").textContent = place.dataset.ready;
};

// where there is no siege (any more) nobody answers the knock: the page itself is there again
if (place) earn().then(on, () => setTimeout(on, AGAIN));
