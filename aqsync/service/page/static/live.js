"use strict";
/* The page asks for itself anew whenever the daemon says that something has changed. */
const body = document.body;
const note = document.getElementById("cut-off");

function cutOff(yes) {
  if (body.classList.toggle("cut-off", yes)) note.textContent = note.dataset.text;
  else note.textContent = "";
}

function listen() {
  const source = new EventSource("/events");
  for (const name of ["restated", "moved"])
    source.addEventListener(name, () => body.dispatchEvent(new Event(name)));
  source.addEventListener("open", () => cutOff(false));
  source.addEventListener("error", () => {
    cutOff(true);
    /* After an answer that is no stream the browser does not try again by itself. */
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
}
listen();

/* A button's answer is shown whether it went well or not; a page that fails stays as it was. */
body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.requestConfig.verb !== "post") return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});
body.addEventListener("htmx:sendError", (event) => {
  if (event.detail.requestConfig.verb !== "post") return;
  document.getElementById("said").textContent = note.dataset.text;
});
body.addEventListener("htmx:afterSettle", () => {
  const live = document.getElementById("live");
  if (live && live.dataset.icon) document.querySelector("link[rel=icon]").href = live.dataset.icon;
});
