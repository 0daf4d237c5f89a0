// The page: a client of the interface in web-interface.md. It inserts all data as text, never as markup.

import { $, ask, described, h, keyName, keyOfAnotherTab, openDialog, plural, query, tell, when } from "./basics.js";
import { about, openDetails, words } from "./metadata.js";

const REVEALED_FOR = 30_000; // milliseconds that a value stays on the screen
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/;
const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
const secretPath = ({ scope, id }, name) =>
  `/${scope}s/secrets/${encodeURIComponent(name)}` + query({ [`${scope}Id`]: id });

// ---- The current view: #/team, #/project/web or #/cluster/gpu-1, optionally followed by /effective

function place() {
  const parts = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const scope = ["project", "cluster"].includes(parts[0]) && ID.test(parts[1] ?? "") ? parts[0] : "team";
  const rest = scope === "team" ? parts.slice(1) : parts.slice(2);
  return { scope, id: scope === "team" ? null : parts[1], effective: rest[0] === "effective" };
}
const link = ({ scope, id }, effective = false) =>
  "#/" + [scope, id, effective ? "effective" : null].filter((part) => part != null).map(encodeURIComponent).join("/");

// Clears the page and shows why it no longer works.
function end(problem) {
  hideAll();
  sought = "";
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  const over = {
    0: "The server has ended, or the vault was locked. Run “vault web” in a terminal, and open the new address.",
    401: "This tab has no key. Open the address that “vault web” prints; each works once.",
    423: "The vault is locked. Run “vault unlock”, then “vault web”, in a terminal.",
  }[problem.status];
  $("scopes").replaceChildren();
  $("file").textContent = "";
  $("main").replaceChildren(
    h("h1", {}, over ? "Not open" : "Something is wrong"),
    h("p", { role: "alert" }, over ?? problem.message));
}

const valueField = () => h("textarea", { spellcheck: "false", autocomplete: "off", autocapitalize: "off", required: true });

// A scope as confirmations of the command line name it.
const scopeTitle = (here) => here.id ? `${here.scope} ${here.id}` : here.scope;

function createSecret(here, names) {
  const name = h("input", { placeholder: "ex: secret_name", spellcheck: "false", autocomplete: "off", autocapitalize: "off" });
  const value = valueField();
  openDialog({
    title: "Create Secret", confirm: "CREATE SECRET",
    content: [h("label", {}, "Name", name), h("label", {}, "Value", value)],
    ready: () => name.value !== "" && value.value !== "",
    act: async () => {
      if (!NAME.test(name.value)) {
        throw new Error("A name is 1 to 128 characters: a letter or _, then letters, digits, _, . or -.");
      }
      if (names.includes(name.value)) throw new Error(`${name.value} exists already; EDIT gives it a new value.`);
      await put(here, name.value, value.value);
    },
  });
}

function editSecret(here, name) {
  const value = valueField();
  openDialog({
    title: `Edit ${name} in ${scopeTitle(here)}`, confirm: "SAVE",
    content: h("label", {}, "Value", value), ready: () => value.value !== "",
    act: () => put(here, name, value.value),
  });
}

async function put(here, name, value) {
  await ask("PUT", secretPath(here, name), { value });
  tell(`Set '${name}' in ${scopeTitle(here)}`);
  await show();
}

function deleteSecret(here, name) {
  openDialog({
    title: `Delete ${here.scope} secret`, confirm: "DELETE", isDanger: true,
    content: [
      h("p", {}, `Are you sure you want to delete the ${here.scope} secret “${name}”?`),
      here.id ? h("p", { class: "past" }, `It is in ${scopeTitle(here)}.`) : null,
    ],
    act: async () => {
      await ask("DELETE", secretPath(here, name));
      tell(`Deleted '${name}' from ${scopeTitle(here)}`);
      await show();
    },
  });
}

function openScope(scope) {
  const id = h("input", { spellcheck: "false", autocomplete: "off", autocapitalize: "off" });
  openDialog({
    title: `Open a ${scope}`, confirm: "OPEN",
    content: [h("label", {}, "Id", id), h("p", { class: "past" }, `A ${scope} exists as soon as it has a secret.`)],
    ready: () => id.value !== "",
    act: () => {
      if (!ID.test(id.value)) {
        throw new Error("An id is 1 to 128 characters: a letter or digit, then letters, digits, _, . or -.");
      }
      location.hash = link({ scope, id: id.value });
    },
  });
}

// ---- Values: revealed on request, and hidden again

const shown = new Set();
function hideAll() { for (const hide of [...shown]) hide(); }
addEventListener("pagehide", hideAll);
document.addEventListener("visibilitychange", () => { if (document.hidden) hideAll(); });

async function reveal(here, name, button, slot) {
  if (slot.hide) return slot.hide();
  let answer;
  try {
    answer = await ask("POST", "/page/value", { scope: here.scope, ...(here.id != null && { id: here.id }), name });
  } catch (error) {
    return tell(error.message);
  }
  slot.append(answer.value === undefined
    ? h("p", { class: "past" }, `${answer.bytes} bytes that are not text; “vault get” prints them.`)
    : h("output", { class: "value", tabindex: "0", "aria-label": `Value of ${name}` }, answer.value));
  button.textContent = "HIDE";
  button.setAttribute("aria-label", `HIDE ${name}`);
  const hide = () => {
    clearTimeout(timer);
    shown.delete(hide);
    slot.hide = null;
    slot.replaceChildren();
    button.textContent = "REVEAL";
    button.setAttribute("aria-label", `REVEAL ${name}`);
  };
  const timer = setTimeout(hide, REVEALED_FOR);
  slot.hide = hide;
  shown.add(hide);
}

async function versions(here, name, slot) {
  if (slot.childElementCount) return slot.replaceChildren();
  try {
    const list = await ask("GET", "/page/history" + query({ scope: here.scope, id: here.id, name }));
    slot.replaceChildren(h("ol", { class: "versions", start: 0, "aria-label": `Versions of ${name}, new to old` },
      list.map(({ time, deleted }) => h("li", {}, deleted ? "deleted " : "set ", when(time)))));
  } catch (error) {
    tell(error.message);
  }
}

// ---- The lock: checked every second, and when the page becomes visible again

const LOOK_EVERY = 1000; // milliseconds

async function look() {
  if (!sessionStorage.getItem(keyName) || !$("file").textContent) return;
  try {
    await ask("GET", "/page/lock");
  } catch (problem) {
    if ([0, 401, 423].includes(problem.status)) { // 401: another program now has the port
      turn++; // discards pending responses
      end(problem);
    }
  }
}
setInterval(look, LOOK_EVERY);
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });

// ---- Drawing

// A field that hides the rows of a list of secrets in which its words do not occur.
let sought = "";
function finder(secrets, list) {
  const texts = secrets.map(words);
  const found = h("span", { class: "past", role: "status" });
  const filter = () => {
    const parts = input.value.toLowerCase().split(/\s+/);
    const hits = texts.map((text) => parts.every((part) => text.includes(part)));
    hits.forEach((hit, index) => { list.children[index].hidden = !hit; });
    sought = input.value;
    found.textContent = input.value.trim() && `${hits.filter(Boolean).length} of ${hits.length}`;
  };
  const input = h("input", {
    type: "search", placeholder: "Find by name, tag or text", "aria-label": "Find secrets", autocomplete: "off", spellcheck: "false",
    oninput: filter,
  });
  input.value = sought;
  filter();
  return h("div", { class: "find" }, input, found);
}

function drawScopes(contexts, here) {
  const entry = (scope, id, label, count) => h("li", {},
    h("a", { href: link({ scope, id }), "aria-current": here.scope === scope && here.id === id && "page" },
      label, h("span", { class: "count", "aria-label": plural(count, "secret") }, String(count))));
  const group = (scope, title, list) => {
    const missing = here.scope === scope && !list.some(({ id }) => id === here.id) ? [{ id: here.id, secrets: 0 }] : [];
    return [h("h2", {}, title),
      h("ul", {}, [...list, ...missing].map(({ id, secrets }) => entry(scope, id, id, secrets))),
      h("button", { type: "button", class: "add", onclick: () => openScope(scope) }, `Open a ${scope}…`)];
  };
  $("file").textContent = contexts.vault;
  $("scopes").replaceChildren(
    h("ul", {}, entry("team", null, "Team", contexts.team)),
    ...group("project", "Projects", contexts.projects), ...group("cluster", "Clusters", contexts.clusters));
}

function drawSecrets(here, secrets) {
  const names = secrets.map(({ name }) => name);
  const row = (secret) => {
    const { name, versions: count, time } = secret;
    const value = h("div");
    const past = h("div");
    const revealer = h("button", {
      type: "button", "aria-label": `REVEAL ${name}`, onclick: () => reveal(here, name, revealer, value),
    }, "REVEAL");
    return h("li", { "data-name": name },
      h("div", { class: "row" },
        h("div", { class: "what" }, h("div", { class: "name" }, name), about(secret),
          h("div", { class: "past" }, plural(count, "version"), ", set ", when(time))),
        h("div", { class: "buttons" }, revealer,
          h("button", { type: "button", "aria-label": `VERSIONS of ${name}`, onclick: () => versions(here, name, past) }, "VERSIONS"),
          h("button", { type: "button", "aria-label": `DETAILS of ${name}`, onclick: () => openDetails(here, secret, show) }, "DETAILS"),
          h("button", { type: "button", "aria-label": `EDIT ${name}`, onclick: () => editSecret(here, name) }, "EDIT"),
          h("button", { type: "button", class: "danger", "aria-label": `DELETE ${name}`, onclick: () => deleteSecret(here, name) },
            "DELETE"))),
      value, past);
  };
  const list = h("ul", { class: "rows", "aria-label": `Secrets of ${described(here)}` }, secrets.map(row));
  const context = here.id == null ? "" : ` --${here.scope} ${here.id}`;
  return [
    h("div", { class: "bar" }, h("h2", {}, plural(secrets.length, "Secret")),
      h("button", { type: "button", class: "main", onclick: () => createSecret(here, names) }, "Create Secret")),
    ...secrets.length ? [finder(secrets, list), list]
      : [h("p", { class: "empty" }, `No secrets have been stored in this ${here.scope} yet`)],
    h("section", { class: "use", "aria-label": "How to use a secret" },
      h("p", {}, "A program gets the secrets in its environment. A variable whose whole value is ", h("code", {}, "secret:NAME"),
        " gets the value of NAME:"),
      h("pre", {}, h("code", {}, `vault run${context} -- CMD\nTOKEN=secret:${names[0] ?? "NAME"} vault run${context} --no-all -- CMD`))),
  ];
}

function drawEffective(here, contexts, list, chosen) {
  const choose = (scope, options) => {
    const ids = options.map(({ id }) => id);
    if (chosen[scope] != null && !ids.includes(chosen[scope])) ids.push(chosen[scope]);
    const select = h("select", {
      id: `choose-${scope}`,
      onchange: async () => { await show({ ...chosen, [scope]: select.value || null }); $(`choose-${scope}`)?.focus(); },
    }, h("option", { value: "" }, "none"), ids.map((id) => h("option", { value: id, selected: id === chosen[scope] }, id)));
    return h("label", {}, scope === "project" ? "Project" : "Cluster", select);
  };
  const row = ({ name, scopes }) => h("li", { "data-name": name }, h("div", { class: "name" }, name), about({ name, ...scopes[0] }),
    h("ol", { class: "chain", "aria-label": `Scopes of ${name}, strongest first` }, scopes.map((scope, index) =>
      h("li", { class: index ? "shadowed" : "applies" }, h("span", { class: "scope" }, described(scope)),
        index ? ` shadowed by ${described(scopes[0])}` : " applies"))));
  const rows = h("ul", { class: "rows", "aria-label": "Effective secrets" }, list.map(row));
  return [
    h("p", { class: "past" }, "If a name is in several scopes, the project’s value applies, else the cluster’s, else the team’s."),
    h("div", { class: "choose" }, choose("project", contexts.projects), choose("cluster", contexts.clusters)),
    ...list.length ? [finder(list.map(({ name, scopes }) => ({ name, ...scopes[0] })), rows), rows]
      : [h("p", { class: "empty" }, "No secret applies here")],
  ];
}

let turn = 0;
async function show(chosen) {
  hideAll();
  const mine = ++turn; // a late response to an earlier request is discarded
  const here = place();
  chosen ??= { project: here.scope === "project" ? here.id : null, cluster: here.scope === "cluster" ? here.id : null };
  try {
    const contexts = await ask("GET", "/page/contexts");
    const list = await (here.effective
      ? ask("GET", "/page/effective" + query({ projectId: chosen.project, clusterId: chosen.cluster }))
      : ask("GET", "/page/secrets" + query({ scope: here.scope, id: here.id })));
    if (mine !== turn) return;
    const title = here.id == null ? "Team" : `${here.scope === "project" ? "Project" : "Cluster"} ${here.id}`;
    document.title = `${title} · vault`;
    drawScopes(contexts, here);
    $("main").replaceChildren(
      h("h1", {}, title),
      h("nav", { class: "tabs", "aria-label": "Views" },
        h("a", { href: link(here), "aria-current": !here.effective && "page" }, "Secrets"),
        h("a", { href: link(here, true), "aria-current": here.effective && "page" }, "Effective")),
      ...(here.effective ? drawEffective(here, contexts, list, chosen) : drawSecrets(here, list)));
  } catch (error) {
    if (mine === turn) end(error);
  }
}

async function begin() {
  $("skip").addEventListener("click", () => $("main").focus());
  const token = /^#([0-9a-f]{48})$/.exec(location.hash)?.[1];
  if (token) {
    history.replaceState(null, "", "/#/team"); // first of all, remove the token from the address
    try {
      sessionStorage.setItem(keyName, (await ask("POST", "/page/session", undefined, token)).key);
    } catch (error) {
      if (!sessionStorage.getItem(keyName)) return end(error);
    }
  }
  if (!sessionStorage.getItem(keyName)) {
    const key = await keyOfAnotherTab();
    if (key) sessionStorage.setItem(keyName, key);
  }
  addEventListener("hashchange", () => {
    sought = "";
    show();
  });
  await show();
}

begin();
