/* What every page has: times in the reader's own zone, and "/" for the search. A page whose times come later says `document` "hq:times". */
"use strict";

(() => {
  const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
  const forms = {
    moment: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" },
    exact: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" },
    day: { day: "numeric", month: "long", year: "numeric" },
    time: { hour: "2-digit", minute: "2-digit" },
    near: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  };
  const say = Object.fromEntries(
    Object.entries(forms).map(([name, form]) => [name, new Intl.DateTimeFormat(language, form)]),
  );

  function times(within) {
    const today = new Date().toDateString();
    for (const time of within.querySelectorAll("time[data-form]")) {
      const at = new Date(time.dateTime);
      let form = time.dataset.form;
      if (form === "since") form = at.toDateString() === today ? "time" : "near";
      time.textContent = say[form].format(at);
      time.title = say.moment.format(at);
    }
  }

  times(document);
  document.addEventListener("hq:times", (event) => times(event.target));

  document.addEventListener("keydown", (event) => {
    const find = document.getElementById("find");
    if (event.key !== "/" || !find || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    event.preventDefault();
    find.focus();
    find.select();
  });
})();
