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
  else if (!document.hidden) body.dispatchEvent(new Event(news));
}

function pass(news) {
  hear(news);
  tabs.postMessage(news);
}

/* Listens until it is told to stop. */
function listen(stop) {
  return new Promise((ended) => {
    let source, again;
    function open() {
      source = new EventSource("/events");
      for (const news of ["restated", "moved", "open"])
        source.addEventListener(news, () => pass(news));
      source.addEventListener("error", () => {
        pass("error");
        /* After an answer that is no stream the browser does not try again by itself. */
        if (source.readyState === EventSource.CLOSED) again = setTimeout(open, 2000);
      });
    }
    function end() {
      clearTimeout(again);
      if (source) source.close();
      ended();
    }
    stop.addEventListener("abort", end);
    if (stop.aborted) end();
    else open();
  });
}

/* A tab that nobody sees costs nothing: it asks for nothing, and lets another one listen. */
let seen = new AbortController();

function show() {
  seen.abort();
  if (document.hidden) return;
  seen = new AbortController();
  const stop = seen.signal;
  if (!navigator.locks) listen(stop);
  /* The lock is given up too when its tab is closed. */
  else navigator.locks.request("aqsync", { signal: stop }, () => listen(stop)).catch(() => {});
}
/* After the first paint, which it would hold up. */
requestAnimationFrame(() => setTimeout(show));
document.addEventListener("visibilitychange", () => {
  show();
  for (const news of ["restated", "shown"]) hear(news);
});
body.addEventListener("htmx:beforeRequest", (event) => {
  const trigger = event.detail.elt.getAttribute("hx-trigger") || "";
  if (document.hidden && trigger.startsWith("every")) event.preventDefault();
});

/* A button's answer is shown whether it went well or not; a page that fails stays as it was. */
body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.requestConfig.verb !== "post") return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});
body.addEventListener("htmx:sendError", (event) => {
  if (event.detail.requestConfig.verb !== "post") return;
  const told = document.createElement("p");
  told.className = "problem";
  told.textContent = "The daemon did not answer: look whether this was done before you try again.";
  document.getElementById("said").replaceChildren(told);
});
body.addEventListener("htmx:afterSettle", () => {
  const live = document.getElementById("live");
  if (live && live.dataset.icon) document.querySelector("link[rel=icon]").href = live.dataset.icon;
});
