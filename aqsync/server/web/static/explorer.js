// Sends what a person writes to the API, and shows the answer as text.
"use strict";

const form = document.querySelector(".explorer");
const answer = document.querySelector(".answer");
const SCHEMA = `{ __schema {
  queryType { fields { name description args { name } } }
  mutationType { fields { name description args { name } } }
  types { name kind fields { name } inputFields { name } enumValues { name } }
} }`;

async function ask(query, variables) {
  const headers = { "Content-Type": "application/json" };
  const token = document.getElementById("token");
  if (token) headers.Authorization = `Bearer ${token.value}`;
  answer.textContent = "…";
  try {
    const body = JSON.stringify({ query, variables });
    const response = await fetch(form.dataset.path, { method: "POST", headers, body });
    answer.textContent = shown(response, await response.text());
  } catch (error) {
    answer.textContent = `The server did not answer: ${error.message}`;
  }
}

function shown(response, text) {
  try {
    text = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // Not JSON: shown as it is.
  }
  return response.ok ? text : `${response.status}\n${text}`;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  let variables = null;
  try {
    variables = JSON.parse(document.getElementById("variables").value || "null");
  } catch (error) {
    answer.textContent = `The variables are no JSON: ${error.message}`;
    return;
  }
  ask(document.getElementById("query").value, variables);
});

document.getElementById("schema").addEventListener("click", () => ask(SCHEMA, null));
