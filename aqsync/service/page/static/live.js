"use strict";
/* The page asks for itself anew whenever the daemon says that something has changed. */
const body = document.body;
const note = document.getElementById("cut-off");

function cutOff(yes) {
  if (body.classList.toggle("cut-off", yes)) note.textContent = note.dataset.text;
  else note.textContent = "";
}

/* A browser opens six connections to one host: of all tabs one listens, and tells the others. */
const tabs = new BroadcastChannel("aqsync");
tabs.addEventListener("message", (event) => hear(event.data));

function hear(news) {
  if (news === "open" || news === "error") cutOff(news === "error");
  else body.dispatchEvent(new Event(news));
}

function pass(news) {
  hear(news);
  tabs.postMessage(news);
}

function listen() {
  const source = new EventSource("/events");
  for (const news of ["restated", "moved", "open"])
    source.addEventListener(news, () => pass(news));
  source.addEventListener("error", () => {
    pass("error");
    /* After an answer that is no stream the browser does not try again by itself. */
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  });
}
/* The lock is given up when its tab is closed; then another one listens. */
if (navigator.locks) navigator.locks.request("aqsync", () => new Promise(listen));
else listen();

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
