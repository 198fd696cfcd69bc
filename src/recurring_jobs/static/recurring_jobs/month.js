/* Turns the pages of the calendar in place, so that nothing typed is lost. Without it, the links lead there. */

document.addEventListener("click", async (event) => {
  const link = event.target.closest(".recurring-jobs-months a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const month = link.closest(".recurring-jobs-month");
  month.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(link.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(month.id);
    if (!answer.ok || answer.redirected || !fresh) throw new Error(answer.statusText);
    month.replaceWith(fresh);
    fresh.querySelector(`a[rel="${link.rel}"]`)?.focus();
  } catch {
    location.assign(link.href);
  }
});
