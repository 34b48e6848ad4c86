/* The preview follows what is typed: asked for when the typing pauses, one question at a time. Without this the button does. */
"use strict";

(() => {
  const form = document.getElementById("editor");
  const samples = document.getElementById("samples");
  if (!form || !samples) return;
  const PAUSE = 500;
  let waiting = 0;
  let asking = null;

  async function ask() {
    if (asking) asking.abort();
    asking = new AbortController();
    const mine = asking;
    samples.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.dataset.preview, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        signal: mine.signal,
      });
      if (answer.ok) samples.innerHTML = await answer.text();
    } catch (error) {
      if (error.name !== "AbortError") samples.setAttribute("data-away", "true");
    } finally {
      if (mine === asking) samples.removeAttribute("aria-busy");
    }
  }

  form.elements.text.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, PAUSE);
  });
})();
