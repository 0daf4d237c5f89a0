// What secrets are for: their metadata in lists, in a dialog, and in a form that changes them.

import { ask, described, h, openDialog, query, tell, when } from "./basics.js";

// A text in which control characters, and those that change the order of others, are written out as `vault describe` does.
const visible = (text) => text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g,
  (character) => `\\u{${character.codePointAt(0).toString(16)}}`);

const isDue = ({ due }) => due != null && new Date(due) <= new Date();

// The text in which a list finds a secret.
export const words = ({ name, description, username, hosts, tags }) =>
  [name, description, username, ...hosts, ...tags].join("\n").toLowerCase();

// What a list shows below a name.
export function about(secret) {
  const { name, description, tags, expired } = secret;
  const mark = expired ? "expired" : isDue(secret) ? "due" : null;
  return [
    description && h("div", { class: "description" }, visible(description)),
    (mark || tags.length > 0) && h("ul", { class: "tags", "aria-label": `Marks and tags of ${name}` },
      mark && h("li", { class: "mark" }, mark), tags.map((tag) => h("li", {}, tag))),
  ].map((part) => part || null);
}

// A number of seconds as `--rotate-every` takes it.
const period = (seconds) => {
  const [unit, size] = [["d", 86400], ["h", 3600], ["m", 60]].find(([, size]) => seconds % size === 0) ?? ["s", 1];
  return `${seconds / size}${unit}`;
};

// Shows all that is known of a secret; `show` draws the list again.
export function openDetails(here, secret, show) {
  const before = document.activeElement;
  const row = (title, ...content) => content[0] != null && content[0] !== "" && [h("dt", {}, title), h("dd", {}, ...content)];
  const text = (title, content) => row(title, content && visible(content));
  const { expires, expired, due, rotate_every_seconds: seconds } = secret;
  openDialog({
    title: `${secret.name} in ${described(here)}`, confirm: "CHANGE", cancel: "CLOSE", before,
    content: h("dl", {}, [
      text("Description", secret.description), text("User name", secret.username),
      text("Hosts", secret.hosts.join(", ")), text("Tags", secret.tags.join(", ")), row("Value set", when(secret.set)),
      expires && row("Expires", when(expires), expired ? " (expired)" : ""), seconds && row("Rotate every", period(seconds)),
      due && row("Due", when(due), isDue(secret) ? " (due)" : ""),
      ...Object.entries(secret.fields).map(([name, content]) => row(name, visible(content) || "(empty)")),
    ].flat().filter(Boolean)),
    act: () => () => changeDetails(here, secret, show, before),
  });
}

// The fields of the form, as the texts that POST /page/metadata takes.
const texts = ({ description, username, hosts, tags, expires, rotate_every_seconds: seconds }) => ({
  description: description ?? "", username: username ?? "", hosts: hosts.join(" "), tags: tags.join(" "),
  expires: expires ?? "", rotate_every: seconds == null ? "" : period(seconds),
});

function changeDetails(here, secret, show, before) {
  const plain = { spellcheck: "false", autocomplete: "off", autocapitalize: "off" };
  const inputs = {}; // by field; those of the user's own fields begin with a colon
  const label = (title, key, input) => {
    inputs[key] = input;
    return h("label", {}, title, input);
  };
  const own = h("div", { class: "own" });
  const addOwn = (name) => own.append(label(`Field ${name}`, ":" + name, h("textarea", plain)));
  // Shows a state of the metadata in the inputs that the user has not changed.
  const load = (state) => {
    for (const name of Object.keys(state.fields)) if (!inputs[":" + name]) addOwn(name);
    const now = { ...texts(state), ...Object.fromEntries(Object.entries(state.fields).map(([name, text]) => [":" + name, text])) };
    for (const [key, input] of Object.entries(inputs)) {
      const isChanged = input.was !== undefined && input.value !== input.was;
      const mine = input.value;
      input.value = now[key] ?? "";
      input.was = input.value; // as the input writes it
      if (isChanged) input.value = mine;
    }
  };
  const name = h("input", plain);
  const text = h("textarea", plain);
  const content = [
    label("Description", "description", h("textarea", plain)), label("User name", "username", h("input", plain)),
    label("Hosts", "hosts", h("input", { ...plain, placeholder: "*.example.com localhost:5432" })),
    label("Tags", "tags", h("input", { ...plain, placeholder: "ci deploy" })),
    label("Expires", "expires", h("input", { ...plain, placeholder: "2027-01-31, 90d or never" })),
    label("Rotate every", "rotate_every", h("input", { ...plain, placeholder: "90d or never" })),
    own,
    h("fieldset", {}, h("legend", {}, "Another field"), h("label", {}, "Name", name), h("label", {}, "Text", text)),
    h("p", { class: "past" }, "Lists show these; they are no place for secrets. An empty text removes one."),
  ];
  const changed = (key) => inputs[key].value !== inputs[key].was;
  const change = () => {
    const result = {};
    for (const key of Object.keys(texts(secret))) if (changed(key)) result[key] = inputs[key].value;
    const keys = Object.keys(inputs).filter((key) => key.startsWith(":"));
    if (!keys.some(changed) && !name.value) return result;
    const fields = { ...secret.fields };
    for (const key of keys.filter(changed)) {
      if (inputs[key].value) fields[key.slice(1)] = inputs[key].value; else delete fields[key.slice(1)];
    }
    if (name.value) {
      if (Object.hasOwn(fields, name.value)) throw new Error(`There is a field ${name.value} already.`);
      fields[name.value] = text.value;
    }
    return { ...result, fields: String(new URLSearchParams(fields)) };
  };
  load(secret);
  openDialog({
    title: `What ${secret.name} in ${described(here)} is for`, confirm: "SAVE", before, content,
    ready: () => name.value !== "" || Object.keys(inputs).some(changed),
    act: async () => {
      const place = { scope: here.scope, ...(here.id != null && { id: here.id }) };
      try {
        await ask("POST", "/page/metadata", { ...place, name: secret.name, revision: secret.revision, ...change() });
      } catch (problem) {
        if (problem.status !== 409) throw problem;
        const now = (await ask("GET", "/page/secrets" + query(place))).find((one) => one.name === secret.name);
        if (!now) throw problem;
        secret = now;
        load(now);
        throw new Error(`${problem.message}. What you did not change shows that now; SAVE replaces the rest.`);
      }
      tell(`Described '${secret.name}' in ${described(here)}`);
      await show();
    },
  });
}
