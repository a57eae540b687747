// The progress of an upload. Without this script the same form does the same upload.
"use strict";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches(".upload")) return;
  event.preventDefault();
  const says = form.querySelector(".says");
  const most = Number(form.dataset.maxBytes);
  const large = [...form.elements.file.files].find((file) => file.size > most);
  if (large) {
    says.textContent = `${large.name} is larger than ${form.dataset.maxSize}.`;
    return;
  }
  send(form, says);
});

function send(form, says) {
  const button = form.querySelector("button");
  const progress = form.querySelector("progress");
  const request = new XMLHttpRequest();
  const end = (text) => {
    button.disabled = false;
    progress.hidden = true;
    says.textContent = text;
  };
  request.upload.addEventListener("progress", (event) => {
    progress.value = event.loaded / event.total;
    const percent = Math.floor(progress.value * 100);
    says.textContent = percent < 100 ? `${percent} % sent` : "Sent; the server is storing it.";
  });
  request.addEventListener("load", () => {
    const main = request.response && request.response.querySelector("main");
    if (request.status === 200 && request.responseURL !== form.action) {
      location.assign(request.responseURL);
    } else if (main) {
      document.querySelector("main").replaceWith(document.adoptNode(main));
      scrollTo(0, 0);
    } else {
      end(`The upload failed (HTTP status ${request.status}).`);
    }
  });
  request.addEventListener("error", () => end("The upload broke off. Is the server still there?"));
  request.open("POST", form.action);
  request.responseType = "document";
  button.disabled = true;
  progress.hidden = false;
  says.textContent = "";
  request.send(new FormData(form));
}
