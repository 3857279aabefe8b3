// What the console's pages gain from script. Every page works without it.

const root = document.documentElement;
root.classList.add("js");

const all = (within, selector) => {
  const found = [...within.querySelectorAll(selector)];
  if (within.matches?.(selector)) found.unshift(within);
  return found;
};

// ---- What is said aloud ----

const speaker = document.createElement("div");
speaker.className = "visually-hidden";
speaker.setAttribute("aria-live", "polite");
document.body.append(speaker);

function say(text) {
  // An equal text would not be announced a second time.
  speaker.textContent = "";
  setTimeout(() => (speaker.textContent = text), 50);
}

// ---- Times, in the reader's zone ----

// The page's language with the reader's regional habits, where there are any.
const pageLanguage = root.lang || "en";
const language = navigator.languages?.find((one) => one.startsWith(pageLanguage)) ?? pageLanguage;
const asDate = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const asDateTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const asExact = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" });
const asDistance = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const FAR = 30 * 86400;

function distance(date) {
  const seconds = (date - Date.now()) / 1000;
  if (Math.abs(seconds) >= FAR) return asDate.format(date);
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return asDistance.format(Math.trunc(seconds / length), unit);
  }
  return seconds > 0 ? "in less than a minute" : "just now";
}

function showTime(time) {
  const date = new Date(time.dateTime);
  if (Number.isNaN(date.getTime())) return;
  const { format } = time.dataset;
  if (format === "relative") time.textContent = distance(date);
  else time.textContent = (format === "date" ? asDate : asDateTime).format(date);
  time.title = `${asExact.format(date)} (${time.dateTime})`;
}

setInterval(() => all(document, 'time[data-format="relative"]').forEach(showTime), 30000);

// ---- Copying ----

async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without TLS, and not on loopback, a page has no clipboard but this one.
  const box = document.createElement("textarea");
  box.value = text;
  box.className = "visually-hidden";
  document.body.append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  if (!done) throw new Error("no clipboard");
}

async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  if (!source) return;
  const label = button.querySelector("[data-copy-label]");
  const use = button.querySelector("use");
  try {
    await write((source.value ?? source.textContent).trim());
  } catch {
    // The text is left selected, so that the reader's own copy command takes it.
    getSelection().selectAllChildren(source);
    say("It could not be copied. The text is selected.");
    return;
  }
  button.focus();
  say("Copied");
  if (button.dataset.copied) return;
  const before = [label?.textContent, use?.getAttribute("href")];
  button.dataset.copied = "yes";
  if (label) label.textContent = "Copied";
  use?.setAttribute("href", before[1].replace(/#.*/, "#check"));
  setTimeout(() => {
    delete button.dataset.copied;
    if (label) label.textContent = before[0];
    use?.setAttribute("href", before[1]);
  }, 2000);
}

// ---- Notices ----

function dismiss(button) {
  const notice = button.closest(".flash");
  const main = document.getElementById("main");
  notice?.remove();
  main?.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy], [data-dismiss]");
  if (button?.matches("[data-copy]")) copy(button);
  else if (button) dismiss(button);
  for (const menu of all(document, "details.nav-menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// ---- A deletion confirmed by typing the name ----

function confirmTyped(input) {
  const equal = input.value.trim() === input.dataset.confirmValue;
  for (const button of input.form?.querySelectorAll("button:not([type=button])") ?? []) {
    button.disabled = !equal;
  }
}

document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-confirm-value]")) confirmTyped(event.target);
});

// ---- Leaving a form with changes ----

const sent = new WeakSet();

function changed(field) {
  if (field.type === "hidden" || field.type === "submit") return false;
  if (field.options) {
    const options = [...field.options];
    // A list without a chosen option shows its first one.
    if (!options.some((option) => option.defaultSelected)) return field.selectedIndex > 0;
    return options.some((option) => option.selected !== option.defaultSelected);
  }
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  return "defaultValue" in field && field.value !== field.defaultValue;
}

// A page that shows refused input again says `data-guard="changed"`: nothing of it is kept yet.
const unsaved = (form) =>
  !sent.has(form) && (form.dataset.guard === "changed" || [...form.elements].some(changed));

document.addEventListener("submit", (event) => sent.add(event.target));
addEventListener("beforeunload", (event) => {
  if (all(document, "form[data-guard]").some(unsaved)) event.preventDefault();
});
addEventListener("pageshow", () => {
  all(document, "form").forEach((form) => sent.delete(form));
  all(document, "[data-confirm-value]").forEach(confirmTyped);
});

// ---- Keyboard ----

const SHORTCUTS = "keyward.shortcuts";
const shortcuts = () => localStorage.getItem(SHORTCUTS) !== "off";
const searchBox = () => document.querySelector("input[type=search]");
const visible = (element) => element.getClientRects().length > 0;

function firstLinks() {
  const rows = all(document, "table[data-keys] tbody tr").filter(visible);
  return rows.map((row) => row.querySelector("a[href]")).filter(Boolean);
}

function step(by) {
  const links = firstLinks();
  const row = document.activeElement.closest("tr");
  const at = links.findIndex((link) => link.closest("tr") === row);
  const next = at < 0 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1);
  links[next]?.focus();
  return links.length > 0;
}

function escape(event) {
  for (const menu of all(document, "details.nav-menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  const search = searchBox();
  if (event.target !== search) return false;
  if (!search.value) return search.blur();
  search.value = "";
  search.dispatchEvent(new Event("input", { bubbles: true }));
  return true;
}

function focusOn(element) {
  element?.focus();
  element?.select?.();
  return Boolean(element);
}

const KEYS = {
  "/": () => focusOn(searchBox()),
  n: () => focusOn(document.querySelector("[data-new]")),
  j: () => step(1),
  k: () => step(-1),
};

function pressed(event) {
  if (event.key === "Escape") return escape(event);
  const arrow = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (arrow) return event.target.closest("table[data-keys]") && step(arrow);
  return shortcuts() && Object.hasOwn(KEYS, event.key) && KEYS[event.key]();
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (typing && event.key !== "Escape") return;
  if (pressed(event)) event.preventDefault();
});

// Single-letter keys get in the way of speech input, so they can be turned off.
document.addEventListener("change", (event) => {
  if (!event.target.matches?.("[data-shortcuts]")) return;
  localStorage.setItem(SHORTCUTS, event.target.checked ? "on" : "off");
  root.classList.toggle("no-shortcuts", !event.target.checked);
});

// ---- Every part of a page, now and when htmx brings another ----

function enliven(within) {
  all(within, "time[data-format]").forEach(showTime);
  all(within, "[data-confirm-value]").forEach(confirmTyped);
  for (const box of all(within, "[data-shortcuts]")) {
    box.checked = shortcuts();
    box.defaultChecked = box.checked;
  }
}

root.classList.toggle("no-shortcuts", !shortcuts());
enliven(document);
document.addEventListener("htmx:load", (event) => enliven(event.detail.elt ?? event.target));
