/* Keeps the overview up to date while somebody looks at it. Without it, reload the page. */

const control = document.querySelector(".recurring-jobs-refresh");
const overview = document.getElementById("recurring-jobs-overview");

if (control && overview) {
  control.hidden = false;
  const wanted = control.querySelector("input");
  setInterval(() => {
    // Not under somebody's keyboard focus, nor in a tab that nobody sees.
    const isBusy = overview.contains(document.activeElement);
    if (wanted.checked && !document.hidden && !isBusy) refresh();
  }, 1000 * Number(control.dataset.every));
}

async function refresh() {
  try {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(overview.id);
    if (!answer.ok || answer.redirected || !fresh) throw new Error(`the answer was ${answer.status}`);
    overview.replaceChildren(...fresh.childNodes);
  } catch (error) {
    // What is old must not be taken for new.
    overview.querySelector(".recurring-jobs-stale").hidden = false;
    console.info("Not refreshed:", error.message);
  }
}
