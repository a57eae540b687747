"use strict";
/* The page asks for itself anew whenever the daemon says that it is outdated. */
const source = new EventSource("/events");
source.addEventListener("changed", () => document.body.dispatchEvent(new Event("outdated")));
source.addEventListener("error", () => document.body.classList.add("cut-off"));
source.addEventListener("open", () => document.body.classList.remove("cut-off"));
document.body.addEventListener("htmx:afterSettle", () => {
  const live = document.getElementById("live");
  if (live && live.dataset.icon) document.querySelector("link[rel=icon]").href = live.dataset.icon;
});
