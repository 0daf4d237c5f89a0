// What the parts of the page share: elements, the key, requests, messages, dialogs.

export const $ = (id) => document.getElementById(id);

// An element. Attributes that begin with "on" are listeners; children are elements or text.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

// ---- The page's key: stored per tab, and passed to another tab of the page that asks for it.

export const keyName = "vault-page-key";
const tabs = new BroadcastChannel("vault-tabs");
tabs.onmessage = ({ data }) => {
  const key = sessionStorage.getItem(keyName);
  if (data === "key?" && key) tabs.postMessage({ key });
};

export function keyOfAnotherTab() {
  return new Promise((resolve) => {
    const channel = new BroadcastChannel("vault-tabs");
    const done = (key) => { channel.close(); resolve(key); };
    channel.onmessage = ({ data }) => data.key && done(data.key);
    channel.postMessage("key?");
    setTimeout(done, 300, null);
  });
}

// ---- Requests

class Problem extends Error {
  constructor(status, message) { super(message); this.status = status; }
}

export async function ask(method, path, fields, key = sessionStorage.getItem(keyName)) {
  let response;
  try {
    response = await fetch(path, {
      method, cache: "no-store", credentials: "omit", redirect: "error",
      headers: { "X-API-Key": key ?? "", ...(fields && { "Content-Type": "application/json" }) },
      body: fields && JSON.stringify(fields),
    });
  } catch {
    throw new Problem(0, "vault no longer answers");
  }
  const text = await response.text();
  let answer = null;
  try { answer = text && JSON.parse(text); } catch { /* not JSON: a response of the HTTP library */ }
  if (!response.ok) throw new Problem(response.status, answer?.error?.message ?? `error ${response.status}`);
  return answer;
}

export const query = (fields) => {
  const set = Object.entries(fields).filter(([, value]) => value != null);
  return set.length ? "?" + new URLSearchParams(set) : "";
};
export const described = ({ scope, id }) => (id == null ? scope : `${scope} ${id}`);
export const plural = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;
export const when = (time) => h("time", { datetime: time, title: time }, new Date(time).toLocaleString());

// ---- Messages

let statusTimer;
export function tell(text) {
  $("status").textContent = text;
  clearTimeout(statusTimer);
  statusTimer = setTimeout(() => { $("status").textContent = ""; }, 6000);
}

// ---- Dialogs

// Opens a dialog; `act` runs on confirmation, and its error is shown in the dialog; what it returns runs once this is closed.
// `before` gets the focus afterwards.
export function openDialog({
  title, content, confirm, isDanger, act, ready = () => true, cancel = "CANCEL", before = document.activeElement,
}) {
  const problem = h("p", { class: "problem", role: "alert" });
  const submit = h("button", { type: "submit", class: isDanger ? "danger" : "main" }, confirm);
  const form = h("form", {
    method: "dialog", autocomplete: "off",
    oninput: () => { submit.disabled = !ready(); },
    onsubmit: async (event) => {
      event.preventDefault();
      submit.disabled = true;
      try {
        const next = await act();
        dialog.close();
        next?.();
      } catch (error) {
        problem.textContent = error.message;
        submit.disabled = false;
      }
    },
  }, h("h2", { id: "dialog-title" }, title), content, problem,
    h("div", { class: "buttons" },
      submit, h("button", { type: "button", onclick: () => dialog.close() }, cancel)));
  const dialog = h("dialog", {
    "aria-labelledby": "dialog-title",
    onclose: () => {
      dialog.remove();
      if (before?.isConnected) before.focus(); else $("main").focus();
    },
  }, form);
  document.body.append(dialog);
  submit.disabled = !ready();
  dialog.showModal();
  (dialog.querySelector("input, textarea") ?? dialog.querySelector(".buttons button[type=button]")).focus();
}
