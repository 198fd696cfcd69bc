/* Shows what a recurrence rule says while it is typed. Without it, the page says so after saving. */

const DELAY = 300; // milliseconds without a key before the server is asked

for (const box of document.querySelectorAll(".recurring-jobs-preview")) {
  watch(box);
}

function watch(box) {
  const form = box.closest("form");
  if (!form || !box.dataset.url) return;
  const names = box.dataset.fields.split(" ");
  // A date-time may be typed into two inputs, such as due_at_0 and due_at_1.
  const isOurs = (name) => names.includes(name) || names.includes(name.replace(/_\d$/, ""));
  const typed = () => {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (isOurs(name)) query.append(name, value);
    }
    if (box.dataset.object !== undefined) query.append("object", box.dataset.object);
    return query.toString();
  };

  let shown = typed();
  let timer;
  let request;

  const refresh = async () => {
    const query = typed();
    request?.abort(); // also where what was typed is taken back before its answer is here
    if (query === shown) return;
    const mine = (request = new AbortController());
    box.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`${box.dataset.url}${box.dataset.url.includes("?") ? "&" : "?"}${query}`, { signal: mine.signal });
      if (answer.ok && !answer.redirected) {
        box.innerHTML = await answer.text(); // escaped by the server
        shown = query;
      }
    } catch (error) {
      if (error.name !== "AbortError") console.info("No preview:", error.message);
    } finally {
      if (mine === request) box.removeAttribute("aria-busy");
    }
  };

  // focusin: the admin's date picker changes a value without an event of its own.
  for (const kind of ["input", "change", "focusin"]) {
    form.addEventListener(kind, () => {
      clearTimeout(timer);
      timer = setTimeout(refresh, DELAY);
    });
  }
}
