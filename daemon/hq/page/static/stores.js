/* The stores live: what the server says became different takes its place, the worst first. */
"use strict";

(() => {
  const lists = { ill: document.getElementById("ill"), well: document.getElementById("well") };
  const parts = { ill: document.getElementById("ill-part"), well: document.getElementById("well-part") };
  const live = document.getElementById("live");
  const narrow = document.getElementById("narrow");
  let first = true;

  function row(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html.trim();
    return holder.content.firstElementChild;
  }

  function place(store) {
    const old = document.getElementById("s-" + store.name);
    const fresh = row(store.html);
    const focused = old && old.contains(document.activeElement);
    if (old) old.remove();
    const list = store.well ? lists.well : lists.ill;
    const next = [...list.children].find((li) => li.dataset.key > store.key);
    list.insertBefore(fresh, next || null);
    fresh.dispatchEvent(new Event("hq:times", { bubbles: true }));
    if (!first) fresh.classList.add("fresh");
    if (focused) fresh.querySelector("a").focus();
  }

  function filter() {
    const wanted = narrow.value.trim().toLowerCase();
    for (const list of Object.values(lists)) {
      for (const li of list.children) li.hidden = wanted !== "" && !li.textContent.toLowerCase().includes(wanted);
    }
    for (const name of ["ill", "well"]) parts[name].hidden = ![...lists[name].children].some((li) => !li.hidden);
  }

  narrow.addEventListener("input", filter);
  if (narrow.value) filter();

  const source = new EventSource("/live/stores");
  source.onopen = () => { live.textContent = ""; };
  source.onerror = () => {
    live.textContent = live.dataset.away;
    /* Closed for good: logged out, or too many watch. The page says which. */
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  };
  source.addEventListener("away", () => { live.textContent = live.dataset.away; });
  source.addEventListener("stores", (event) => {
    const change = JSON.parse(event.data);
    live.textContent = "";
    for (const name of change.gone) document.getElementById("s-" + name)?.remove();
    const known = (store) => document.getElementById("s-" + store.name)?.dataset.key === store.key;
    const here = first ? new Set(change.stores.map((store) => "s-" + store.name)) : null;
    if (here) for (const li of document.querySelectorAll(".stores > li")) if (!here.has(li.id)) li.remove();
    for (const store of change.stores) if (!first || !known(store)) place(store);
    first = false;
    const summary = document.getElementById("summary");
    if (summary.textContent !== change.summary) summary.textContent = change.summary;
    filter();
  });
  addEventListener("pagehide", () => source.close());
})();
